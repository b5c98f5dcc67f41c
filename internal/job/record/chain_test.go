// Tests of jobs that come after others in chains, without schedules, and for hours.

package record

import (
	"testing"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// TestChain: such a job is due with the other one, is blocked by what is blocked, and goes on where nothing is known.
func TestChain(t *testing.T) {
	t.Parallel()
	load := newJob(t, "load", "0 * * * *")
	check, report := newJob(t, "check", ""), newJob(t, "report", "")
	check.After, report.After = "load", "check"
	check.Except = []project.DateRange{{From: "2026-03-03", To: "2026-03-03"}}
	alone := newJob(t, "alone", "0 8 * * *")
	alone.After = "by_hand"
	w := newWorld(t, "2026-03-02T07:30:00Z", report, check, load, alone, newJob(t, "by_hand", ""))
	w.to("2026-03-02T08:00:00Z")
	w.expect("alone", "08:00 running")
	w.expect("check", "08:00 waiting")
	w.expect("report", "08:00 waiting")
	due := at(t, "2026-03-02T08:00:00Z")
	w.endWith(Ref{Job: "load", Due: due}, Summary{Error: "no partitions"})
	w.decide()
	w.expect("report", "08:00 blocked: check/2026-03-02T08:00:00Z is blocked")
	w.to("2026-03-02T09:00:00Z")
	for _, job := range []string{"load", "check", "report"} {
		s := w.all(job)[1]
		if s.State != slot.Running {
			t.Errorf("%s is %s", s.Ref, s.State)
		}
		w.end(s.Ref)
		w.decide()
	}
	w.to("2026-03-03T00:00:00Z")
	last := func(job string) string { all := w.all(job); return all[len(all)-1].String() }
	if got := last("load"); got != "load/2026-03-03T00:00:00Z" {
		t.Error(got)
	}
	if check, report := last("check"), last("report"); check != "check/2026-03-02T23:00:00Z" || report != "report/2026-03-02T23:00:00Z" {
		t.Errorf("on an excepted date %s and %s are due", check, report)
	}
	w.audit("check", w.dues(load)[:16])
	w.audit("report", w.dues(load)[:16])
}

// TestManyWaitForAnotherJob: after hours in which the other job was executed, not all slots that waited begin together.
func TestManyWaitForAnotherJob(t *testing.T) {
	t.Parallel()
	load, report := newJob(t, "load", "30 7 * * *"), newJob(t, "report", "every 1m")
	report.After, report.Overlap = "load", project.OverlapAllow
	w := newWorldIn(t, newMemory(), "2026-03-02T07:29:00Z", load, report)
	for range 4 * 60 {
		w.later(60e9)
	}
	w.end(Ref{Job: "load", Due: at(t, "2026-03-02T07:30:00Z")})
	w.settle()
	if running, waiting, err := w.Open(t.Context(), "report"); err != nil || len(running) != mostQueued || len(waiting) != 0 {
		t.Errorf("%d are executed, %d wait, %v", len(running), len(waiting), err)
	}
	w.audit("report", w.dues(report))
}

// TestOverdueWhileWaiting: a slot that waits for another job behind its deadline is noticed, once.
func TestOverdueWhileWaiting(t *testing.T) {
	t.Parallel()
	load, report := newJob(t, "load", "0 8 * * *"), newJob(t, "report", "0 8 * * *")
	report.After, report.Deadline = "load", 30*60e9
	w := newWorld(t, "2026-03-02T07:00:00Z", load, report)
	if d := w.to("2026-03-02T08:00:00Z"); !d.Again.Equal(at(t, "2026-03-02T08:30:00Z")) || len(d.Late) != 0 {
		t.Errorf("again at %s, late %v", d.Again, d.Late)
	}
	if d := w.to("2026-03-02T08:30:00Z"); len(d.Late) != 1 || d.Late[0].String() != "report/2026-03-02T08:00:00Z" {
		t.Errorf("late %v", d.Late)
	}
	if d := w.to("2026-03-02T08:31:00Z"); len(d.Late) != 0 {
		t.Errorf("late again: %v", d.Late)
	}
	w.end(Ref{Job: "load", Due: at(t, "2026-03-02T08:00:00Z")})
	w.decide()
	if s := w.end(Ref{Job: "report", Due: at(t, "2026-03-02T08:00:00Z")}); s.State != slot.Late {
		t.Errorf("%+v", s)
	}
}

// TestOverdueInQueue: so is one that waits behind another of its job; a missed or backfilled one has no deadline until it begins.
func TestOverdueInQueue(t *testing.T) {
	t.Parallel()
	j := newJob(t, "load", "0 * * * *")
	j.Overlap, j.Deadline = project.OverlapQueue, 70*60e9
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	if _, err := w.Backfill(t.Context(), w.jobs, j, Interval{From: at(t, "2026-03-01T08:00:00Z"), To: at(t, "2026-03-01T09:00:00Z")}, "ann"); err != nil {
		t.Fatal(err)
	}
	w.end(w.decide().Start[0])
	if _, err := w.Backfill(t.Context(), w.jobs, j, Interval{From: at(t, "2026-03-01T09:00:00Z"), To: at(t, "2026-03-01T10:00:00Z")}, "ann"); err != nil {
		t.Fatal(err)
	}
	for _, hour := range []string{"08", "09"} {
		if d := w.to("2026-03-02T" + hour + ":00:00Z"); len(d.Late) != 0 {
			t.Errorf("at %s late %v", hour, d.Late)
		}
	}
	if d := w.to("2026-03-02T10:10:00Z"); len(d.Late) != 2 || d.Late[0].Due.Hour() != 8 || d.Late[1].Due.Hour() != 9 {
		t.Errorf("late %v", d.Late)
	}
}
