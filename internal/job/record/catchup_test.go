// Tests of what is executed after an outage of three days.

package record

import (
	"testing"
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// TestCatchUp: an hourly job whose slots take a minute is up until 08:30, and again 72 hours later.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	rate := project.Rate{Count: 2, Per: 10 * time.Minute}
	for name, c := range map[string]struct {
		catchUp                project.CatchUp
		executed, byAge, other int
	}{
		"skip":                  {project.CatchUp{Policy: project.CatchUpSkip}, 0, 0, 72},
		"latest":                {project.CatchUp{Policy: project.CatchUpLatest}, 1, 0, 71},
		"latest, of any age":    {project.CatchUp{Policy: project.CatchUpLatest, Age: 10 * time.Minute}, 0, 72, 0},
		"all":                   {project.CatchUp{Policy: project.CatchUpAll}, 72, 0, 0},
		"all, not older":        {project.CatchUp{Policy: project.CatchUpAll, Age: 24 * time.Hour}, 24, 48, 0},
		"all, at a rate":        {project.CatchUp{Policy: project.CatchUpAll, Rate: rate}, 72, 0, 0},
		"all, not older, rate":  {project.CatchUp{Policy: project.CatchUpAll, Age: 24 * time.Hour, Rate: rate}, 24, 48, 0},
		"skip, not older":       {project.CatchUp{Policy: project.CatchUpSkip, Age: 24 * time.Hour}, 0, 48, 24},
		"latest, older than it": {project.CatchUp{Policy: project.CatchUpLatest, Age: 24 * time.Hour}, 1, 48, 23},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "hourly", "0 * * * *")
			j.CatchUp = c.catchUp
			j.Overlap = project.OverlapAllow // which must not let missed slots begin together
			w := newWorldIn(t, newMemory(), "2026-03-02T08:30:00Z", j)
			w.set(at(t, "2026-03-05T08:30:00Z"))
			if c.catchUp.Rate == rate {
				w.recover(7 * time.Hour)
			} else {
				w.recover(2 * time.Hour)
			}
			w.audit("hourly", w.dues(j))
			executed, byAge, other := 0, 0, 0
			for _, s := range w.all("hourly") {
				switch {
				case s.Kind == slot.Missed:
					executed++
				case s.Reason == slot.ByAge:
					byAge += s.Count
				case s.Reason == slot.ByCatchUp:
					other += s.Count
				}
			}
			if executed != c.executed || byAge != c.byAge || other != c.other {
				t.Errorf("%d executed, %d too old, %d skipped; want %d, %d, %d", executed, byAge, other, c.executed, c.byAge, c.other)
			}
			w.auditRate(j)
			if skipped := w.countRanges("hourly"); skipped > 2 {
				t.Errorf("what was skipped is in %d documents", skipped)
			}
		})
	}
}

// recover decides every 30 seconds, and ends slots that were executed for a minute. It fails if two missed ones are executed at once.
func (w *world) recover(long time.Duration) {
	w.t.Helper()
	for until := w.Now().Add(long); w.Now().Before(until); w.set(w.Now().Add(30 * time.Second)) {
		missed := 0
		for _, ref := range w.decide().Start {
			s := w.get(ref)
			if s.Kind == slot.Missed {
				missed++
			}
			if w.Now().Sub(*s.Began) >= time.Minute {
				w.end(ref)
			}
		}
		if missed > 1 {
			w.t.Fatalf("at %s %d missed slots are executed", w.Now(), missed)
		}
	}
	if running, waiting, err := w.Open(w.t.Context(), w.jobs[0].Name); err != nil || len(running)+len(waiting) > 1 {
		w.t.Errorf("%d slots are executed and %d wait after %s: %v", len(running), len(waiting), long, err)
	}
}

// auditRate checks that no window has more starts of missed slots than catch_up.rate allows.
func (w *world) auditRate(j *project.Job) {
	w.t.Helper()
	rate := j.CatchUp.Rate
	if rate.Count == 0 {
		return
	}
	starts := map[time.Time]int{}
	for _, s := range w.all(j.Name) {
		if s.Began != nil && (s.Kind == slot.Missed || s.Kind == slot.Backfill) {
			starts[s.Began.Truncate(rate.Per)]++
		}
	}
	for window, n := range starts {
		if n > rate.Count {
			w.t.Errorf("%d missed slots of %s began in the %s from %s; %d may", n, j.Name, rate.Per, window, rate.Count)
		}
	}
}

func (w *world) countRanges(job string) (n int) {
	for _, s := range w.all(job) {
		if s.State == slot.Skipped {
			n++
		}
	}
	return n
}
