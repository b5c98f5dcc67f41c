// Simulated years across changes of the clock: the slots are compared with lists that are made minute by minute, and by a second library.

package record

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// when is a schedule, and independently of it the times on the wall clock at which it is due.
type when struct {
	name, cron string
	matches    func(wall time.Time) bool
}

var whens = []when{
	{"nightly", "30 2 * * *", func(w time.Time) bool { return w.Hour() == 2 && w.Minute() == 30 }},
	{"midnight", "0 0 * * SUN,MON", func(w time.Time) bool { return w.Weekday() <= time.Monday && w.Hour() == 0 && w.Minute() == 0 }},
	{"sundays", "*/20 2 * * 0", func(w time.Time) bool {
		return w.Weekday() == time.Sunday && w.Hour() == 2 && w.Minute()%20 == 0
	}},
	{"month_ends", "59 23 28-31 * *", func(w time.Time) bool { return w.Day() >= 28 && w.Hour() == 23 && w.Minute() == 59 }},
	{"thirty_first", "15 12 31 * *", func(w time.Time) bool { return w.Day() == 31 && w.Hour() == 12 && w.Minute() == 15 }},
}

var leap = when{"leap", "0 6 29 2 *", func(w time.Time) bool { return w.Month() == 2 && w.Day() == 29 && w.Hour() == 6 && w.Minute() == 0 }}

// TestYear: restarts, decisions that are hours late, and processes that decide at the same moment neither lose nor double a due time.
func TestYear(t *testing.T) {
	t.Parallel()
	for i, c := range []struct{ zone, from, to string }{
		{"Europe/Berlin", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"America/New_York", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"Asia/Kolkata", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"America/Sao_Paulo", "2018-01-01T00:00:00Z", "2019-01-01T00:00:00Z"}, // where midnight does not exist once
		{"Europe/Berlin", "2028-02-01T00:00:00Z", "2028-04-01T00:00:00Z"},
	} {
		t.Run(c.zone+c.from[:4], func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano()) + uint64(i)
			t.Logf("seed %d", seed)
			whens := whens
			if c.from[:4] == "2028" {
				whens = append(slices.Clone(whens), leap)
			}
			var jobs []*project.Job
			for _, when := range whens {
				jobs = append(jobs, newJobIn(t, when.name, when.cron, c.zone))
			}
			w := newWorldIn(t, newMemory(), c.from, jobs...)
			w.live(rand.New(rand.NewPCG(seed, 1)), at(t, c.to))
			want := walk(jobs[0].Zone, at(t, c.from), at(t, c.to), whens)
			for i, j := range jobs {
				w.audit(j.Name, want[i])
				w.auditStates(j.Name)
				agree(t, j, whens[i].cron, want[i])
			}
		})
	}
}

// live decides about a year: usually when it was asked to, at times late, and at times as another process that has just begun.
func (w *world) live(random *rand.Rand, until time.Time) {
	w.t.Helper()
	for w.Now().Before(until) {
		d := w.decide()
		for _, ref := range d.Start {
			w.end(ref)
		}
		next := d.Again
		switch {
		case random.IntN(30) == 0: // nothing is up for as long as five days
			next = next.Add(time.Duration(random.Int64N(int64(5 * 24 * time.Hour))))
		case random.IntN(10) == 0: // late
			next = next.Add(time.Duration(random.Int64N(int64(2 * time.Minute))))
		case random.IntN(10) == 0: // early: something else has asked for a decision
			next = w.Now().Add(time.Duration(random.Int64N(int64(next.Sub(w.Now()) + 1))))
		}
		if random.IntN(20) == 0 {
			w.Slots = &Slots{Catalog: w.Catalog, Now: w.Now}
		}
		if next.After(until) {
			next = until
		}
		w.set(next)
	}
	d, _ := w.settle()
	for _, ref := range d.Start {
		w.end(ref)
	}
}

// auditStates checks that everything has ended, and that what was executed was due on time, or was the latest one that was missed.
func (w *world) auditStates(job string) {
	w.t.Helper()
	for _, s := range w.all(job) {
		switch {
		case s.State == slot.Done && s.Kind == slot.Scheduled && !s.Began.After(s.Due.Add(slot.Grace)):
		case s.State == slot.Done && s.Kind == slot.Missed && s.Began.After(s.Due.Add(slot.Grace)):
		case s.State == slot.Skipped && s.Reason == slot.ByCatchUp:
		default:
			w.t.Errorf("%s is %s: %s, %s", s.Ref, s.Kind, s.State, s.Reason)
		}
	}
}

// walk lists when each schedule is due after one time and until another, by watching the clock on the wall minute by minute. A time that the
// clock leaves out counts when the clock has moved past it; one that it shows again does not count again.
func walk(zone *time.Location, after, until time.Time, whens []when) (dues [][]time.Time) {
	shownAt := func(t time.Time) time.Time {
		_, offset := t.In(zone).Zone()
		return t.UTC().Add(time.Duration(offset) * time.Second)
	}
	dues = make([][]time.Time, len(whens))
	shown := shownAt(after)
	for t := after.Add(time.Minute); !t.After(until); t = t.Add(time.Minute) {
		for now := shownAt(t); shown.Before(now); {
			shown = shown.Add(time.Minute)
			for i, when := range whens {
				if when.matches(shown) && (len(dues[i]) == 0 || !dues[i][len(dues[i])-1].Equal(t)) {
					dues[i] = append(dues[i], t)
				}
			}
		}
	}
	return dues
}

// agree compares a list with that of another library, but for the days around changes of the clock, for which that has other rules.
func agree(t *testing.T, j *project.Job, text string, dues []time.Time) {
	t.Helper()
	if len(dues) == 0 {
		return
	}
	other, err := cron.ParseStandard(fmt.Sprintf("CRON_TZ=%s %s", j.Zone, text))
	if err != nil {
		t.Fatal(err)
	}
	isNearChange := func(t time.Time) bool {
		_, before := t.In(j.Zone).AddDate(0, 0, -1).Zone()
		_, after := t.In(j.Zone).AddDate(0, 0, 1).Zone()
		return before != after
	}
	var theirs []time.Time
	for due := other.Next(dues[0].Add(-time.Second)); !due.After(dues[len(dues)-1]); due = other.Next(due) {
		theirs = append(theirs, due.UTC())
	}
	ours := slices.DeleteFunc(slices.Clone(dues), isNearChange)
	theirs = slices.DeleteFunc(theirs, isNearChange)
	if !slices.EqualFunc(ours, theirs, time.Time.Equal) {
		t.Errorf("%s: %d due times differ from the %d of the other library", j.Name, len(ours), len(theirs))
	}
	if len(ours) == 0 {
		t.Errorf("%s: nothing was compared", j.Name)
	}
}
