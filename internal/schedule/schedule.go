// Package schedule computes when something is due: from a cron expression on a place's wall clock, or every so often. It owns the rules for
// changes of the clock: a local time that does not exist is due at the first instant after the gap, and one that comes twice is due once, at
// the first. It must not know what is scheduled, or ask the clock.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// Schedule is a set of instants. The zero value is none.
type Schedule struct {
	text  string
	every time.Duration // 0: cron decides
	cron  string
	zone  *time.Location
}

// leastInterval is the least time between two instants: that of cron expressions.
const leastInterval = time.Minute

// Parse parses `every 15m`, or a cron expression of five fields, which may be a name such as @daily, on the wall clock of a zone. Intervals
// are counted from 1970-01-01 UTC, so that every process finds the same instants.
func Parse(text string, zone *time.Location) (Schedule, error) {
	text = strings.TrimSpace(text)
	if interval, isInterval := strings.CutPrefix(text, "every "); isInterval {
		every, err := time.ParseDuration(strings.TrimSpace(interval))
		if err != nil || every < leastInterval || every%time.Second != 0 {
			return Schedule{}, fmt.Errorf("%q is not an interval of at least a minute: write it as in `every 15m` or `every 24h`", interval)
		}
		return Schedule{text: text, every: every}, nil
	}
	s := Schedule{text: text, cron: text, zone: zone}
	fields := strings.Fields(text)
	if isName := strings.HasPrefix(text, "@"); !isName && len(fields) == len(cronFields) {
		if err := checkCron(fields); err != nil {
			return Schedule{}, err
		}
	} else if !isName || !gronx.IsValid(text) {
		return Schedule{}, errors.New("it is neither an interval, as in `every 15m`, nor a cron expression of minute, hour, day, month and weekday, as in `0 6 * * 1-5`")
	}
	if segments, err := gronx.Segments(text); err != nil || len(segments) != len(cronFields)+1 || segments[0] != "0" {
		return Schedule{}, errors.New("a cron expression has no seconds and no years")
	}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, errors.New("it is never due: such a day does not exist")
	}
	return s, nil
}

// String returns the text that was parsed.
func (s Schedule) String() string { return s.text }

// IsZero reports whether nothing is ever due.
func (s Schedule) IsZero() bool { return s.text == "" }

// IsInterval reports whether the instants are a fixed time apart, and so cheap to compute.
func (s Schedule) IsInterval() bool { return s.every > 0 }

// Next returns the first instant after a time; zero if there is none.
func (s Schedule) Next(after time.Time) time.Time {
	if s.every > 0 {
		return s.Last(after).Add(s.every)
	}
	for wall := wallClock(after.In(s.zone)); ; {
		next, err := gronx.NextTickAfter(s.cron, wall, false)
		if err != nil {
			return time.Time{}
		}
		if due := Instant(next, s.zone); due.After(after) {
			return due
		}
		wall = next // it is in a gap, or the second pass of an hour that comes twice
	}
}

// Last returns the last instant that is not after a time; zero if there is none.
func (s Schedule) Last(until time.Time) time.Time {
	if s.every > 0 {
		seconds, every := until.Unix(), int64(s.every/time.Second)
		past := (seconds%every + every) % every // also before 1970
		return time.Unix(seconds-past, 0).UTC()
	}
	for wall, including := latestShown(until.In(s.zone)), true; ; including = false {
		last, err := gronx.PrevTickBefore(s.cron, wall, including)
		if err != nil {
			return time.Time{}
		}
		if due := Instant(last, s.zone); !due.After(until) {
			return due
		}
		wall = last
	}
}

// wallClock returns what the clock shows, as if it were in UTC: the cron library then sees no change of the clock.
func wallClock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// latestShown returns the latest time that the clock has shown until t: in the second pass of an hour that comes twice, the end of the first.
func latestShown(t time.Time) time.Time {
	shown := wallClock(t)
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		if before := wallClock(start.Add(-time.Second).In(t.Location())); before.After(shown) {
			return before
		}
	}
	return shown
}

// Instant returns when the clock of a zone first shows a time, or the end of the gap in which it never does.
func Instant(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := t.ZoneBounds()
	if shown := wallClock(t); !shown.Equal(wall) { // time.Date takes either side of the gap
		if shown.After(wall) {
			return start
		}
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-time.Second).Zone()
	_, now := t.Zone()
	if earlier := t.Add(time.Duration(now-before) * time.Second); earlier.Before(start) && wallClock(earlier.In(zone)).Equal(wall) {
		return earlier
	}
	return t
}
