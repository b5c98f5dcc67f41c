// Days on which a statement was expected, and none came.

package aggregate

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// missing are the days from the first that is known of an account until a day on which a statement is expected and none
// covers, nor a gap that is broken already. Days without a covered one between them are one interval.
func missing(known []Interval, expects func(day time.Time) bool, declared, until string) []Interval {
	if expects == nil || len(known) == 0 {
		return nil
	}
	covered := slices.Clone(known)
	slices.SortFunc(covered, byDays)
	var gaps []Interval
	open := false
	at := 0
	for day := covered[0].From; day <= until; day = after(day) {
		for at < len(covered) && covered[at].To < day {
			at++
		}
		switch {
		case covers(covered[at:], day):
			open = false
		case !expects(dayOf(day)):
		case open:
			gaps[len(gaps)-1].To = day
		default:
			gaps = append(gaps, Interval{From: day, To: day, State: Unknown, Reason: fmt.Sprintf("no statement was received, and the calendar (%s) expects one", declared)})
			open = true
		}
	}
	return gaps
}

// covers reports whether one of the intervals, sorted by their last day, has the day.
func covers(intervals []Interval, day string) bool {
	return slices.ContainsFunc(intervals, func(i Interval) bool { return i.From <= day && day <= i.To })
}

// byDays sorts by last day.
func byDays(a, b Interval) int { return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.From, b.From)) }
