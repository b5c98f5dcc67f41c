// Tests that processes which decide at the same moment begin each slot once.

package record

import (
	"sync"
	"testing"
	"time"
)

func TestConcurrentDecisions(t *testing.T) {
	t.Parallel()
	j := newJob(t, "busy", "every 1m")
	w := newWorld(t, "2026-03-02T08:00:30Z", j)
	const minutes, processes = 10, 4
	for range minutes {
		w.set(w.Now().Add(time.Minute))
		var group sync.WaitGroup
		for range processes {
			group.Go(func() {
				s := &Slots{Catalog: w.Catalog, Now: w.Now}
				d, err := s.Decide(t.Context(), w.jobs)
				if err != nil {
					t.Error(err)
				}
				for _, ref := range d.Start {
					if _, err := s.End(t.Context(), j, ref, Summary{Tasks: 1, Done: 1}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
	}
	w.audit("busy", w.dues(j))
	if c := w.state("busy").Counters; c.Fired != minutes || c.Done != minutes || c.Tasks != minutes {
		t.Errorf("counters are %+v after %d slots", c, minutes)
	}
}

// TestConcurrentRequests: of several people who ask for the same slot, one gets it.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	j := newJob(t, "by_hand", "")
	w := newWorld(t, "2026-03-02T08:00:30Z", j)
	var group sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for range 4 {
		group.Go(func() {
			if _, err := w.RunNow(t.Context(), w.jobs, j, time.Time{}, "ann"); err == nil {
				mu.Lock()
				accepted++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if accepted != 1 {
		t.Errorf("%d were accepted", accepted)
	}
	w.expect("by_hand", "08:00/1 waiting")
}
