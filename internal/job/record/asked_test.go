// Tests of what people ask for: slots by hand, backfills, pauses and cancels.

package record

import (
	"fmt"
	"testing"
	"time"

	"bursar/internal/project"
)

func TestRunNow(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 8 * * *")
	w := newWorld(t, "2026-03-02T07:00:00Z", j)
	w.to("2026-03-02T08:00:00Z")
	due := at(t, "2026-03-02T08:00:00Z")
	_, err := w.RunNow(t.Context(), w.jobs, j, due, "ann")
	refused(t, err, "run a/2026-03-02T08:00:00Z: it is running")
	w.end(Ref{Job: "a", Due: due})
	for run := 1; run <= 2; run++ {
		ref, err := w.RunNow(t.Context(), w.jobs, j, due.Add(time.Millisecond), "ann")
		if want := (Ref{"a", due, run}); err != nil || ref != want {
			t.Fatalf("%s, %v; want %s", ref, err, want)
		}
		_, err = w.RunNow(t.Context(), w.jobs, j, due, "bob")
		refused(t, err, "it is waiting")
		if d := w.decide(); len(d.Start) != 1 || d.Start[0] != ref {
			t.Errorf("%v are to start", d.Start)
		}
		w.end(ref)
	}
	_, err = w.RunNow(t.Context(), w.jobs, j, due.AddDate(0, 0, 1), "ann")
	refused(t, err, "it is due in the future")
	w.expect("a", "08:00 done", "08:00/1 done", "08:00/2 done")
	if s := w.newest("a", "2026-03-02T08:00:00Z"); s.Run != 2 || s.By != "ann" {
		t.Errorf("the newest is %s by %s", s.Ref, s.By)
	}
	w.audit("a", w.dues(j))
}

// TestRunNowWhilePaused: what a person asks for is executed also while the job is paused.
func TestRunNowWhilePaused(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.pause(j, true)
	if _, err := w.RunNow(t.Context(), w.jobs, j, time.Time{}, "ann"); err != nil {
		t.Fatal(err)
	}
	if d := w.decide(); len(d.Start) != 1 {
		t.Errorf("%v are to start", d.Start)
	}
	w.expect("a", "07:30/1 running")
}

func (w *world) pause(j *project.Job, wantChange bool) {
	w.t.Helper()
	if changed, err := w.Pause(w.t.Context(), w.jobs, j, "ann"); err != nil || changed != wantChange {
		w.t.Fatal(changed, err)
	}
}

func (w *world) resume(j *project.Job, wantChange bool) {
	w.t.Helper()
	if changed, err := w.Resume(w.t.Context(), w.jobs, j); err != nil || changed != wantChange {
		w.t.Fatal(changed, err)
	}
}

// TestPause: what is due during a pause is one range, also where nothing was up then; what was due before or after is not in it.
func TestPause(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "*/10 * * * *")
	w := newWorld(t, "2026-03-02T07:55:00Z", j)
	w.set(at(t, "2026-03-02T08:00:30Z")) // 08:00 is not decided yet
	w.pause(j, true)
	w.pause(j, false)
	w.to("2026-03-02T08:11:00Z")
	w.to("2026-03-02T08:20:00Z")
	w.set(at(t, "2026-03-02T08:55:00Z"))
	w.resume(j, true)
	w.resume(j, false)
	w.end(w.decide().Start[0]) // 08:00, which waited
	w.to("2026-03-02T09:00:00Z")
	w.expect("a", "08:00 done", "08:10-08:50 5 skipped: paused", "09:00 running")
	w.audit("a", w.dues(j))
}

// TestBackfill: the days of a month follow one another, are paused and resumed with the job, and those that are done are not repeated.
func TestBackfill(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 6 * * *")
	w := newWorld(t, "2026-04-30T12:00:00Z", j)
	from, to := at(t, "2026-03-01T00:00:00Z"), at(t, "2026-04-01T00:00:00Z")
	backfill := func(all bool, recorded, existing int) {
		t.Helper()
		b, err := w.Backfill(t.Context(), w.jobs, j, Interval{From: from, To: to, Again: all}, "ann")
		if err != nil || b.Recorded != recorded || b.Existing != existing || len(b.Slots) != recorded {
			t.Fatalf("%+v, %v", b, err)
		}
	}
	backfill(false, 31, 0)
	backfill(false, 0, 31)
	day := func(n int) Ref { return Ref{"a", from.Add(time.Duration(n)*24*time.Hour - 18*time.Hour), 1} }
	for n := 1; n <= 31; n++ {
		if n == 10 {
			w.pause(j, true)
			if d := w.decide(); len(d.Start) != 0 {
				t.Fatalf("%v begin during a pause", d.Start)
			}
			w.resume(j, true)
		}
		d := w.decide()
		if len(d.Start) != 1 || d.Start[0] != day(n) {
			t.Fatalf("on day %d %v are executed", n, d.Start)
		}
		if n == 7 {
			w.endWith(day(n), Summary{Tasks: 1, Failed: 1})
		} else {
			w.end(day(n))
		}
	}
	backfill(false, 1, 30) // the one that failed
	backfill(true, 30, 1)  // it waits
	w.audit("a", w.dues(j))
}

// TestBackfillOfWhatIsNotDecided: a due time that nothing has looked at yet is not executed by its schedule and by the backfill.
func TestBackfillOfWhatIsNotDecided(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.set(at(t, "2026-03-02T10:00:10Z"))
	b, err := w.Backfill(t.Context(), w.jobs, j, Interval{From: at(t, "2026-03-02T08:00:00Z"), To: at(t, "2026-03-03T00:00:00Z")}, "ann")
	if err != nil || b.Recorded != 2 || b.Existing != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	w.decide()
	w.expect("a", "08:00/1 waiting", "08:00-09:00 2 skipped: catch_up", "09:00/1 waiting", "10:00 running")
	w.audit("a", w.dues(j))
}

func TestBackfillIsBounded(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "every 1m")
	w := newWorld(t, "2026-04-30T12:00:00Z", j)
	_, err := w.Backfill(t.Context(), w.jobs, j, Interval{From: at(t, "2026-01-01T00:00:00Z"), To: w.Now()}, "ann")
	refused(t, err, fmt.Sprintf("more than %d due times", mostBackfilled))
}

// TestDryBackfill: after an outage that takes several decisions, it counts what a backfill records, and records nothing.
func TestDryBackfill(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "every 1m")
	j.CatchUp.Policy = project.CatchUpAll
	w := newWorldIn(t, newMemory(), "2026-03-02T08:00:00Z", j)
	w.set(w.Now().Add(50*time.Hour + 30*time.Second))
	in := Interval{From: at(t, "2026-03-02T07:00:00Z"), To: w.Now(), Dry: true}
	dry, err := w.Backfill(t.Context(), w.jobs, j, in, "ann")
	if err != nil || dry.Recorded != 61 || dry.Existing != 3000 || len(w.all("a")) != 0 {
		t.Fatalf("%d would be recorded, %d exist, %v", dry.Recorded, dry.Existing, err)
	}
	in.Dry = false
	if b, err := w.Backfill(t.Context(), w.jobs, j, in, "ann"); err != nil || b.Recorded != dry.Recorded || b.Existing != dry.Existing {
		t.Errorf("%d are recorded, %d exist, %v", b.Recorded, b.Existing, err)
	}
}

// TestCancelOfWaiting: a slot that waits ends at once.
func TestCancelOfWaiting(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.Overlap = project.OverlapQueue
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.to("2026-03-02T08:00:00Z")
	w.to("2026-03-02T09:00:00Z")
	s, err := w.Cancel(t.Context(), Ref{Job: "a", Due: w.Now()}, "ann")
	if err != nil || s.Reason != "cancelled by ann" || s.Ended == nil {
		t.Fatal(s, err)
	}
	w.decide()
	w.expect("a", "08:00 running", "09:00 failed")
	w.audit("a", w.dues(j))
}
