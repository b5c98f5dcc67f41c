// Tests of jobs whose slots come after those of another.

package record

import (
	"testing"

	"bursar/internal/project"
)

// newAfter returns the world of an hourly job, and of one that comes after it.
func newAfter(t *testing.T) *world {
	t.Helper()
	first, second := newJob(t, "first", "0 * * * *"), newJob(t, "second", "0 * * * *")
	second.After, second.Overlap = "first", project.OverlapQueue
	return newWorld(t, "2026-03-02T07:30:00Z", second, first)
}

func TestAfter(t *testing.T) {
	t.Parallel()
	w := newAfter(t)
	eight := Ref{Job: "first", Due: at(t, "2026-03-02T08:00:00Z")}
	if d := w.to("2026-03-02T08:00:00Z"); len(d.Start) != 1 || d.Start[0] != eight {
		t.Fatalf("%v begin", d.Start)
	}
	w.expect("second", "08:00 waiting")
	w.end(eight)
	w.decide()
	w.expect("second", "08:00 running")
	w.end(Ref{Job: "second", Due: eight.Due})

	w.to("2026-03-02T09:00:00Z")
	w.endWith(Ref{Job: "first", Due: w.Now()}, Summary{Tasks: 1, Failed: 1})
	w.decide()
	w.expect("second", "08:00 done", "09:00 blocked: first/2026-03-02T09:00:00Z is failed")

	// Repaired by hand: the newest run counts.
	w.to("2026-03-02T10:00:00Z")
	ten := Ref{Job: "first", Due: w.Now()}
	w.endWith(ten, Summary{Tasks: 1, Failed: 1})
	if _, err := w.RunNow(t.Context(), w.jobs, w.job("first"), ten.Due, "ann"); err != nil {
		t.Fatal(err)
	}
	w.decide()
	w.expect("second", "08:00 done", "09:00 blocked: first/2026-03-02T09:00:00Z is failed", "10:00 waiting")
	w.end(Ref{"first", ten.Due, 1})
	w.decide()
	w.expect("second", "08:00 done", "09:00 blocked: first/2026-03-02T09:00:00Z is failed", "10:00 running")
	for _, j := range w.jobs {
		w.audit(j.Name, w.dues(j))
	}
}

// TestAfterSkipped: a slot of the other job that was skipped counts as little as one that never was.
func TestAfterSkipped(t *testing.T) {
	t.Parallel()
	w := newAfter(t)
	w.pause(w.job("first"), true)
	w.to("2026-03-02T08:00:00Z")
	w.expect("first", "08:00 skipped: paused")
	w.expect("second", "08:00 running")
}

// TestAfterManyMissed: a job waits for another of which not everything that was due is decided yet.
func TestAfterManyMissed(t *testing.T) {
	t.Parallel()
	first, second := newJob(t, "first", "* * * * *"), newJob(t, "second", "0 0 * * *")
	second.After = "first"
	w := newWorldIn(t, newMemory(), "2026-03-02T07:30:00Z", second, first)
	w.set(at(t, "2026-04-02T07:30:00Z"))
	w.decide()
	w.expect("second", "00:00-00:00 30 skipped: catch_up", "00:00 waiting")
	w.settle()
	w.expect("second", "00:00-00:00 30 skipped: catch_up", "00:00 running")
}
