// Tests of slots that people ask for by their due times: those that wait, and those about which nothing was decided.

package record

import (
	"testing"
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// runNow asks for a slot of a due time, and lets it begin where nothing decides about the others.
func (w *world) runNow(j *project.Job, due time.Time) Ref {
	w.t.Helper()
	ref, err := w.RunNow(w.t.Context(), w.jobs, j, due, "ann")
	if err != nil {
		w.t.Fatal(err)
	}
	if s, err := w.Begin(w.t.Context(), w.jobs, j, ref); err != nil || s.State != slot.Running || s.Kind != slot.Manual || s.By != "ann" {
		w.t.Fatalf("%+v, %v", s, err)
	}
	return ref
}

// TestRunOfWhatIsNotDecided: a due time that is executed by hand while nothing is up is not executed again by catch-up.
func TestRunOfWhatIsNotDecided(t *testing.T) {
	t.Parallel()
	for policy, want := range map[project.CatchUpPolicy][]string{
		project.CatchUpAll:    {"08:00 done", "09:00 done", "10:00 running"},
		project.CatchUpLatest: {"08:00 skipped: catch_up", "09:00 done", "10:00 running"},
		project.CatchUpSkip:   {"08:00-09:00 2 skipped: catch_up", "09:00/1 done", "10:00 running"},
	} {
		j := newJob(t, "a", "0 * * * *")
		j.CatchUp.Policy = policy
		w := newWorld(t, "2026-03-02T07:30:00Z", j)
		w.set(at(t, "2026-03-02T09:30:00Z"))
		w.end(w.runNow(j, at(t, "2026-03-02T09:00:00Z")))
		for _, ref := range w.decide().Start {
			w.end(ref)
		}
		w.to("2026-03-02T10:00:00Z")
		w.expect("a", want...)
		w.audit("a", w.dues(j))
	}
}

// TestRunAtDueTime: a slot for now in the second in which the job is due is that one.
func TestRunAtDueTime(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.set(at(t, "2026-03-02T08:00:00Z"))
	ref := w.runNow(j, time.Time{})
	if d := w.decide(); len(d.Start) != 1 || d.Start[0] != ref {
		t.Errorf("%v are executed", d.Start)
	}
	w.expect("a", "08:00 running")
	w.audit("a", w.dues(j))
}

// TestRunDecidesNothingElse: while nothing is up, a slot for now leaves what was due to the next decision, which knows what is the latest.
func TestRunDecidesNothingElse(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	for _, now := range []string{"2026-03-02T08:00:10Z", "2026-03-02T09:30:00Z"} {
		w.set(at(t, now))
		w.end(w.runNow(j, time.Time{}))
	}
	w.to("2026-03-02T10:30:00Z")
	w.expect("a", "08:00/1 done", "08:00-09:00 2 skipped: catch_up", "09:30/1 done", "10:00 running")
}

// TestRunOfWhatWaits: a slot that waits begins when a person asks for it, whatever it has waited for.
func TestRunOfWhatWaits(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.Overlap = project.OverlapQueue
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	first := w.to("2026-03-02T08:00:00Z").Start[0]
	w.to("2026-03-02T09:00:00Z")
	w.pause(j, true)
	w.end(first)
	w.expect("a", "08:00 done", "09:00 waiting")
	if ref := w.runNow(j, w.Now()); ref.Run != 0 {
		t.Errorf("%s is executed", ref)
	}
	if _, waiting, err := w.Open(t.Context(), "a"); err != nil || len(waiting) != 0 {
		t.Errorf("%v wait, %v", waiting, err)
	}
	w.expect("a", "08:00 done", "09:00 running")
}

// TestRunsAreExact: a slot is found also if its due time was executed again.
func TestRunsAreExact(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 8 * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.end(w.to("2026-03-02T08:00:00Z").Start[0])
	again := w.runNow(j, w.Now())
	scheduled := Ref{Job: "a", Due: w.Now()}
	if s := w.get(scheduled); s.Ref != scheduled || s.State != slot.Done {
		t.Errorf("run 0 is %+v", s)
	}
	if s := w.newest("a", "2026-03-02T08:00:00Z"); s.Ref != again || s.State != slot.Running {
		t.Errorf("the newest is %+v", s)
	}
	if s, err := w.Get(t.Context(), Ref{"a", w.Now(), 2}); !isNotFound(err) {
		t.Errorf("run 2 is %+v, %v", s, err)
	}
}

// TestBefore1970: no reference names such a slot, so nothing could execute it.
func TestBefore1970(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 8 * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	early := at(t, "1969-12-30T08:00:00Z")
	_, err := w.RunNow(t.Context(), w.jobs, j, early, "ann")
	refused(t, err, "run a/1969-12-30T08:00:00Z: 1969-12-30T08:00:00Z is before 1970")
	_, err = w.Backfill(t.Context(), w.jobs, j, Interval{From: early, To: early.AddDate(0, 0, 7)}, "ann")
	refused(t, err, "backfill a: 1969-12-30T08:00:00Z is before 1970")
	if all := w.all("a"); len(all) != 0 {
		t.Errorf("%v are recorded", all)
	}
}

// TestRunFailedAfterEmptyRun: a run of what has failed that was cancelled before it had tasks leaves those of the run before.
func TestRunFailedAfterEmptyRun(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	first := w.to("2026-03-02T08:00:00Z").Start[0]
	if _, err := w.End(t.Context(), j, first, Summary{Tasks: 100, Done: 99, Failed: 1, Error: "x"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ref, err := w.RunFailed(t.Context(), w.jobs, j, first.Due, "ann")
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.Get(t.Context(), ref)
		if err != nil || s.FailedOf == nil || *s.FailedOf != 0 || s.FirstRun == nil || *s.FirstRun != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := w.Cancel(t.Context(), ref, "ann"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRunFailedOfDoneSlot is refused, also if the slot had no tasks.
func TestRunFailedOfDoneSlot(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	first := w.to("2026-03-02T08:00:00Z").Start[0]
	if _, err := w.End(t.Context(), j, first, Summary{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RunFailed(t.Context(), w.jobs, j, first.Due, "ann"); err == nil {
		t.Error("a slot without tasks is divided again")
	}
}
