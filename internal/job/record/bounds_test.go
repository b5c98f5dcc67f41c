// Tests of what is bounded: the work of one decision, and the documents of what is skipped.

package record

import (
	"strings"
	"testing"
	"time"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// TestOverlapsJoin: a task that hangs leaves one range, whose due times are found, also beside slots that people have asked for.
func TestOverlapsJoin(t *testing.T) {
	t.Parallel()
	j := newJob(t, "load", "every 10m")
	w := newWorld(t, "2026-03-02T07:55:00Z", j)
	for minute := 0; minute <= 60; minute += 10 {
		d := w.to(at(t, "2026-03-02T08:00:00Z").Add(time.Duration(minute) * time.Minute).Format(time.RFC3339))
		if minute > 0 && (len(d.Ended) != 1 || d.Ended[0].First != nil || d.Ended[0].Count != 1) {
			t.Errorf("%v have ended", d.Ended)
		}
	}
	w.expect("load", "08:00 running", "08:10-09:00 6 skipped: overlap")
	by, err := w.RunNow(t.Context(), w.jobs, j, at(t, "2026-03-02T08:20:00Z"), "ann")
	if err != nil {
		t.Fatal(err)
	}
	last, err := w.RunNow(t.Context(), w.jobs, j, at(t, "2026-03-02T09:00:00Z"), "ann")
	if err != nil || by.Run != 1 || last.Run != 1 {
		t.Fatal(by, last, err)
	}
	w.to("2026-03-02T09:10:00Z")
	w.expect("load", "08:00 running", "08:20/1 waiting", "09:00/1 waiting", "08:10-09:10 7 skipped: overlap")
	w.end(Ref{Job: "load", Due: at(t, "2026-03-02T08:00:00Z")})
	w.end(w.decide().Start[0])
	for due, want := range map[string]string{
		"08:10": "08:10-09:10 7 skipped: overlap", "08:20": "08:20/1 done", "08:30": "08:10-09:10 7 skipped: overlap", "09:10": "08:10-09:10 7 skipped: overlap",
	} {
		s := w.newest("load", "2026-03-02T"+due+":00Z")
		if got := brief(&s); got != want {
			t.Errorf("%s is %s, want %s", due, got, want)
		}
	}
	for _, due := range []string{"07:50", "08:05", "09:20"} {
		if _, err := w.Get(t.Context(), Ref{Job: "load", Due: at(t, "2026-03-02T"+due+":00Z")}); !isNotFound(err) {
			t.Errorf("%s: %v", due, err)
		}
	}
	w.audit("load", w.dues(j))
}

// TestYearsOfOutage: three years of minutes are decided in few calls, and end in two documents; each of the minutes is found.
func TestYearsOfOutage(t *testing.T) {
	t.Parallel()
	for _, policy := range []project.CatchUpPolicy{project.CatchUpSkip, project.CatchUpLatest} {
		j := newJob(t, "load", "every 1m")
		j.CatchUp.Policy = policy
		w := newWorld(t, "2026-03-02T00:00:30Z", j)
		w.set(at(t, "2029-03-01T00:00:30Z"))
		d, calls := w.settle()
		if calls > 10 || len(d.Start) != 1 {
			t.Errorf("%s: %d decisions, %v begin", policy, calls, d.Start)
		}
		const minutes = 3 * 365 * 24 * 60
		list := w.all("load")
		if len(list) != 2 || list[0].Count != minutes-1 || list[1].State != slot.Running {
			t.Errorf("%s: %+v", policy, list)
		}
		if got := w.state("load").Counters; got != (Counters{Fired: 1, Skipped: minutes - 1}) {
			t.Errorf("%s: %+v", policy, got)
		}
		if s := w.newest("load", "2027-11-28T12:34:00Z"); s.Count != minutes-1 || !strings.Contains(s.Reason, slot.ByCatchUp) {
			t.Errorf("%+v", s)
		}
		w.end(d.Start[0])
	}
}

// TestRemovedAndDeclaredAgain: what waits of a job that is removed is skipped, what is executed is still listed, and other jobs are left alone.
func TestRemovedAndDeclaredAgain(t *testing.T) {
	t.Parallel()
	// The names are neighbours in the order of keys.
	gone, stays, longer := newJob(t, "load", "every 1m"), newJob(t, "loa", "every 1m"), newJob(t, "load0", "every 1m")
	jobs := []*project.Job{gone, stays, longer}
	for _, j := range jobs {
		j.Overlap = project.OverlapQueue
	}
	w := newWorld(t, "2026-03-02T07:59:30Z", jobs...)
	for range 4 {
		w.later(time.Minute)
	}
	stays.Schedule, longer.Schedule = newJob(t, "", "").Schedule, newJob(t, "", "").Schedule
	w.jobs = []*project.Job{stays, longer}
	d := w.later(removedAfter)
	if len(d.Start) != 3 || len(d.Ended) != 3 {
		t.Errorf("%v are executed, %v have ended", d.Start, d.Ended)
	}
	w.expect("load", "08:00 running", "08:01-08:03 3 skipped: "+slot.ByRemoval)
	w.expect("loa", "08:00 running", "08:01 waiting", "08:02 waiting", "08:03 waiting")
	w.expect("load0", "08:00 running", "08:01 waiting", "08:02 waiting", "08:03 waiting")
	if s := w.endWith(Ref{Job: "load", Due: at(t, "2026-03-02T08:00:00Z")}, Summary{Error: "it is not declared"}); s.State != slot.Failed {
		t.Errorf("%+v", s)
	}
	if d := w.decide(); len(d.Start) != 2 || len(d.Ended) != 0 {
		t.Errorf("%v are executed, %v have ended", d.Start, d.Ended)
	}
	w.audit("load", w.dues(gone))
	w.set(at(t, "2026-03-02T10:00:30Z"))
	w.jobs = jobs // it goes on where it was left: what was due was missed
	w.decide()
	w.expect("load", "08:00 failed", "08:01-08:03 3 skipped: "+slot.ByRemoval, "08:04-09:59 116 skipped: catch_up", "10:00 running")
	w.audit("load", w.dues(gone))
}

// TestManyRemoved: the slots of a removed job are ended in several decisions.
func TestManyRemoved(t *testing.T) {
	t.Parallel()
	j := newJob(t, "load", "every 1m")
	j.CatchUp.Policy = project.CatchUpAll
	w := newWorldIn(t, newMemory(), "2026-03-02T07:59:30Z", j)
	w.set(w.Now().Add((2*mostRemoved + 10) * time.Minute))
	w.settle()
	w.jobs = nil
	w.set(w.Now().Add(removedAfter))
	if _, calls := w.settle(); calls != 3 {
		t.Errorf("%d decisions", calls)
	}
	_, waiting, err := w.Open(t.Context(), "load")
	if err != nil || len(waiting) != 0 {
		t.Errorf("%d wait, %v", len(waiting), err)
	}
	w.audit("load", w.dues(j))
}

// TestExcepted: nothing is due on excepted local dates, also in zones whose days begin at another time.
func TestExcepted(t *testing.T) {
	t.Parallel()
	j := newJobIn(t, "load", "0 */8 * * *", "America/New_York")
	j.Except = []project.DateRange{{From: "2026-03-08", To: "2026-03-08"}} // when clocks change
	w := newWorld(t, "2026-03-07T12:00:00Z", j)
	var got []string
	for w.Now().Before(at(t, "2026-03-09T23:00:00Z")) {
		d := w.decide()
		for _, ref := range d.Start {
			got = append(got, ref.Due.Format("02T15"))
			w.end(ref)
		}
		w.set(d.Again)
	}
	if text, want := strings.Join(got, " "), "07T13 07T21 09T04 09T12 09T20"; text != want {
		t.Errorf("%s, want %s", text, want)
	}
}

// TestManyAskedFor: more slots than one decision looks at begin in several.
func TestManyAskedFor(t *testing.T) {
	t.Parallel()
	j := newJob(t, "load", "")
	j.Overlap = project.OverlapAllow
	w := newWorldIn(t, newMemory(), "2026-03-02T12:00:00Z", j)
	for minute := range mostLooked + 50 {
		if _, err := w.RunNow(t.Context(), w.jobs, j, at(t, "2026-03-02T06:00:00Z").Add(time.Duration(minute)*time.Minute), "ann"); err != nil {
			t.Fatal(err)
		}
	}
	d, calls := w.settle()
	if len(d.Start) != mostLooked+50 || calls != 2 {
		t.Errorf("%d are executed after %d decisions", len(d.Start), calls)
	}
}
