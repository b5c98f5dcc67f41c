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

// TestAfterSkipped: what was skipped by a pause or an overlap has not done its work, until somebody runs it.
func TestAfterSkipped(t *testing.T) {
	t.Parallel()
	w := newAfter(t)
	first, second := w.job("first"), w.job("second")
	w.pause(first, true)
	w.to("2026-03-02T08:00:00Z")
	w.to("2026-03-02T09:00:00Z")
	w.expect("first", "08:00-09:00 2 skipped: paused")
	w.expect("second", "08:00 blocked: first/2026-03-02T08:00:00Z is skipped: paused", "09:00 blocked: first/2026-03-02T09:00:00Z is skipped: paused")

	w.resume(first, true)
	w.end(w.runNow(first, w.Now()))
	again, err := w.Backfill(t.Context(), w.jobs, second, Interval{From: at(t, "2026-03-02T08:00:00Z"), To: at(t, "2026-03-02T09:00:01Z")}, "ann")
	if err != nil || len(again.Slots) != 2 {
		t.Fatal(again, err)
	}
	w.end(w.decide().Start[0])
	w.expect("second", "08:00 blocked: first/2026-03-02T08:00:00Z is skipped: paused", "08:00/1 blocked: first/2026-03-02T09:00:00Z is skipped: paused",
		"09:00 blocked: first/2026-03-02T09:00:00Z is skipped: paused", "09:00/1 done")
}

// TestAfterOverlap: the other job's slot of the due time was skipped, as an earlier one is executed.
func TestAfterOverlap(t *testing.T) {
	t.Parallel()
	w := newAfter(t)
	w.to("2026-03-02T08:00:00Z")
	w.to("2026-03-02T09:00:00Z")
	w.expect("first", "08:00 running", "09:00 skipped: overlap")
	w.expect("second", "08:00 waiting", "09:00 blocked: first/2026-03-02T09:00:00Z is skipped: overlap")
	w.end(Ref{Job: "first", Due: at(t, "2026-03-02T08:00:00Z")})
	w.decide()
	w.expect("second", "08:00 running", "09:00 blocked: first/2026-03-02T09:00:00Z is skipped: overlap")
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
