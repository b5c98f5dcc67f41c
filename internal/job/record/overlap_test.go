// Tests of what becomes of a slot that is due while an earlier one of its job is executed.

package record

import (
	"fmt"
	"slices"
	"testing"

	"bursar/internal/project"
)

// TestOverlap: each slot takes 25 minutes, and one is due every 10.
func TestOverlap(t *testing.T) {
	t.Parallel()
	for overlap, want := range map[project.Overlap][]string{
		project.OverlapSkip: {
			"08:00 done", "08:10-08:20 2 skipped: overlap", "08:30 done", "08:40-08:50 2 skipped: overlap", "09:00 running",
		},
		project.OverlapQueue:  {"08:00 done", "08:10 done", "08:20 running", "08:30 waiting", "08:40 waiting", "08:50 waiting", "09:00 waiting"},
		project.OverlapCancel: {"08:00 failed", "08:10 failed", "08:20 failed", "08:30 failed", "08:40 failed", "08:50 failed", "09:00 running"},
		project.OverlapAllow:  {"08:00 done", "08:10 done", "08:20 done", "08:30 done", "08:40 running", "08:50 running", "09:00 running"},
	} {
		t.Run(string(overlap), func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "long", "*/10 * * * *")
			j.Overlap = overlap
			w := newWorld(t, "2026-03-02T07:55:00Z", j)
			for minute := 0; minute <= 60; minute += 5 {
				w.to(fmt.Sprintf("2026-03-02T%02d:%02d:00Z", 8+minute/60, minute%60))
				w.play()
			}
			w.expect("long", want...)
			w.audit("long", w.dues(j))
		})
	}
}

// play ends slots that were executed for 25 minutes, or were cancelled, and decides again.
func (w *world) play() {
	w.t.Helper()
	for again := true; again; {
		again = false
		d := w.decide()
		for _, ref := range d.Start {
			s := w.get(ref)
			switch {
			case slices.Contains(d.Cancel, ref):
				w.endWith(ref, Summary{Tasks: 1, Cancelled: 1})
			case s.Began.Add(25 * 60e9).Before(w.Now().Add(1)):
				w.end(ref)
			default:
				continue
			}
			again = true
		}
	}
}

// TestQueueIsBounded: a slot that never ends does not make others queue without end; the oldest are skipped.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	j := newJob(t, "stuck", "every 1m")
	j.Overlap = project.OverlapQueue
	w := newWorldIn(t, newMemory(), "2026-03-02T07:59:30Z", j)
	for range mostQueued + 20 {
		w.later(60e9)
	}
	running, waiting, err := w.Open(t.Context(), "stuck")
	if err != nil || len(running) != 1 || len(waiting) != mostQueued {
		t.Fatalf("%d executed, %d wait, %v", len(running), len(waiting), err)
	}
	if want := w.Now().Truncate(60e9); !waiting[len(waiting)-1].Due.Equal(want) {
		t.Errorf("the newest that waits was due at %s; want %s", waiting[len(waiting)-1].Due, want)
	}
	w.audit("stuck", w.dues(j))
}

// TestMissedSlotSkipsNothing: a missed or backfilled slot that takes long never makes one be skipped that is due.
func TestMissedSlotSkipsNothing(t *testing.T) {
	t.Parallel()
	for _, overlap := range []project.Overlap{project.OverlapSkip, project.OverlapCancel, project.OverlapQueue} {
		t.Run(string(overlap), func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "reports", "0 * * * *")
			j.Overlap = overlap
			w := newWorld(t, "2026-03-02T07:30:00Z", j)
			w.to("2026-03-02T09:30:00Z") // 09:00 was missed
			w.to("2026-03-02T10:00:00Z")
			w.expect("reports", "08:00 skipped: catch_up", "09:00 running", "10:00 waiting")
			w.end(Ref{Job: "reports", Due: at(t, "2026-03-02T09:00:00Z")})
			w.decide()
			w.expect("reports", "08:00 skipped: catch_up", "09:00 done", "10:00 running")
		})
	}
}
