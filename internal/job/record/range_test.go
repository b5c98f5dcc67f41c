// Tests of ranges of due times that were skipped, and of changes of what is due.

package record

import (
	"testing"
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
	"bursar/internal/schedule"
)

// TestRanges: outages that follow one another make one range, which includes each of its due times and nothing else.
func TestRanges(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.CatchUp.Policy = project.CatchUpSkip
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.to("2026-03-02T08:30:00Z")
	w.expect("a", "08:00 skipped: catch_up")
	w.to("2026-03-02T11:30:00Z")
	w.to("2026-03-02T12:30:00Z")
	w.expect("a", "08:00-12:00 5 skipped: catch_up")
	w.end(w.to("2026-03-02T13:00:00Z").Start[0])
	w.to("2026-03-02T15:30:00Z")
	w.expect("a", "08:00-12:00 5 skipped: catch_up", "13:00 done", "14:00-15:00 2 skipped: catch_up")
	for _, due := range []string{"08", "10", "12"} {
		if s := w.newest("a", "2026-03-02T"+due+":00:00Z"); s.Count != 5 || !s.Due.Equal(at(t, "2026-03-02T12:00:00Z")) {
			t.Errorf("%s is in %+v", due, s)
		}
	}
	for _, due := range []string{"2026-03-02T07:00:00Z", "2026-03-02T16:00:00Z"} {
		if s, err := w.Get(t.Context(), Ref{Job: "a", Due: at(t, due)}); !isNotFound(err) {
			t.Errorf("%s is in %+v, %v", due, s, err)
		}
	}
	w.audit("a", w.dues(j))
}

// TestRunInRange: a due time in a range is executed by hand beside it, and the range still grows.
func TestRunInRange(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.CatchUp.Policy = project.CatchUpSkip
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.to("2026-03-02T11:30:00Z")
	ref, err := w.RunNow(t.Context(), w.jobs, j, at(t, "2026-03-02T09:00:00Z"), "ann")
	if err != nil || ref.Run != 1 {
		t.Fatal(ref, err)
	}
	w.decide()
	w.end(ref)
	w.to("2026-03-02T12:30:00Z")
	w.expect("a", "09:00/1 done", "08:00-12:00 5 skipped: catch_up")
	if s := w.newest("a", "2026-03-02T09:00:00Z"); s.State != slot.Done {
		t.Errorf("the newest of 09:00 is %+v", s)
	}
	if s := w.newest("a", "2026-03-02T08:00:00Z"); s.Count != 5 {
		t.Errorf("08:00 is in %+v", s)
	}
	w.audit("a", w.dues(j))
}

// TestClockBackwards: a clock that is set back neither repeats what was due, nor forgets what is due after.
func TestClockBackwards(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "*/10 * * * *")
	w := newWorld(t, "2026-03-02T07:55:00Z", j)
	w.end(w.to("2026-03-02T08:00:00Z").Start[0])
	w.end(w.to("2026-03-02T08:10:00Z").Start[0])
	for _, now := range []string{"2026-03-02T07:40:00Z", "2026-03-02T08:00:00Z", "2026-03-02T08:10:00Z"} {
		if d := w.to(now); len(d.Start) != 0 || !d.Again.Equal(at(t, "2026-03-02T08:20:00Z")) {
			t.Errorf("at %s %v begin, and the next decision is at %s", now, d.Start, d.Again)
		}
	}
	w.to("2026-03-02T08:20:00Z")
	w.expect("a", "08:00 done", "08:10 done", "08:20 running")
	w.audit("a", w.dues(j))
}

// TestChangedSchedule: what was due is kept as it was recorded, and from then on the new schedule counts.
func TestChangedSchedule(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.end(w.to("2026-03-02T08:00:00Z").Start[0])
	changed := newJob(t, "a", "*/20 * * * *")
	w.jobs = []*project.Job{changed}
	if d := w.to("2026-03-02T08:05:00Z"); !d.Again.Equal(at(t, "2026-03-02T08:20:00Z")) {
		t.Errorf("the next decision is at %s", d.Again)
	}
	w.end(w.to("2026-03-02T08:20:00Z").Start[0])
	w.jobs = []*project.Job{newJob(t, "a", "")}
	if d := w.to("2026-03-02T09:00:00Z"); !d.Again.IsZero() {
		t.Errorf("without a schedule the next decision is at %s", d.Again)
	}
	w.expect("a", "08:00 done", "08:20 done")
}

// TestRemovedJob: what waits of a job that no process has declared for a while is skipped; what is executed is listed, so that it ends.
func TestRemovedJob(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.Overlap = project.OverlapQueue
	w := newWorld(t, "2026-03-02T07:30:00Z", j, newJob(t, "b", "0 8 * * *"))
	w.to("2026-03-02T08:00:00Z")
	w.to("2026-03-02T09:00:00Z")
	w.jobs = w.jobs[1:]
	if d := w.to("2026-03-02T09:59:00Z"); len(d.Ended) != 0 || !d.Again.Equal(at(t, "2026-03-02T10:00:00Z")) {
		t.Errorf("%v ended, the next decision is at %s", d.Ended, d.Again)
	}
	w.expect("a", "08:00 running", "09:00 waiting")
	d := w.to("2026-03-02T10:00:00Z")
	if len(d.Ended) != 1 || d.Ended[0].Job != "a" || len(d.Start) != 2 {
		t.Errorf("%v ended, %v are executed", d.Ended, d.Start)
	}
	w.expect("a", "08:00 running", "09:00 skipped: "+slot.ByRemoval)
	w.endWith(Ref{Job: "a", Due: at(t, "2026-03-02T08:00:00Z")}, Summary{Error: "the job is not declared"})
	w.audit("a", []time.Time{at(t, "2026-03-02T08:00:00Z"), at(t, "2026-03-02T09:00:00Z")})
	w.jobs = append(w.jobs, j)
	w.end(w.decide().Start[1])
	w.expect("a", "08:00 failed", "09:00 skipped: "+slot.ByRemoval, "10:00 done")
}

// TestNoSchedule: a job without a schedule is due after the one that it comes after, but for its own exceptions.
func TestNoSchedule(t *testing.T) {
	t.Parallel()
	first, second := newJob(t, "first", "0 8 * * *"), newJob(t, "second", "")
	second.After = "first"
	second.Schedule, second.Except = schedule.Schedule{}, []project.DateRange{{From: "2026-03-03", To: "2026-03-03"}}
	w := newWorld(t, "2026-03-02T07:00:00Z", second, first)
	for _, day := range []string{"02", "03", "04"} {
		w.end(w.to("2026-03-" + day + "T08:00:00Z").Start[0])
		for _, ref := range w.decide().Start {
			w.end(ref)
		}
	}
	w.audit("second", []time.Time{at(t, "2026-03-02T08:00:00Z"), at(t, "2026-03-04T08:00:00Z")})
}
