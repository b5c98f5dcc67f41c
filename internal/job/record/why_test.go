// Tests of what a slot is said to wait for, and of when it is said to begin.

package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/project"
)

// why checks what a slot waits for, and when it begins; begins is empty if that is unknown.
func (w *world) why(ref, begins string, waits ...string) Explanation {
	w.t.Helper()
	r, err := ParseRef(ref)
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := w.Why(w.t.Context(), w.jobs, w.job(r.Job), r)
	if err != nil {
		w.t.Fatal(err)
	}
	want := time.Time{}
	if begins != "" {
		want = at(w.t, begins)
	}
	if !slices.EqualFunc(e.Waits, waits, strings.Contains) || !e.Begins.Equal(want) {
		w.t.Errorf("%s waits for %q and begins at %s; want %q, %s", ref, e.Waits, e.Begins, waits, want)
	}
	return e
}

func TestWhyFuture(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T08:30:00Z", j)
	if e := w.why("a/2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", "its due time"); e.Known {
		t.Error("it is recorded")
	}
	for _, due := range []string{"2026-03-02T09:10:00Z", "2026-03-02T08:00:00Z"} { // not due, and due before the job was seen
		if e, err := w.Why(t.Context(), w.jobs, j, Ref{Job: "a", Due: at(t, due)}); !isNotFound(err) {
			t.Errorf("%s: %+v, %v", due, e, err)
		}
	}
	w.pause(j, true)
	if e := w.why("a/2026-03-02T09:00:00Z", "", "its due time"); e.Expected != "it is skipped, as the job is paused by ann since 2026-03-02T08:30:00Z: `bursar job resume a`" {
		t.Errorf("expected is %q", e.Expected)
	}
}

// TestWhyUnseen: nothing has decided about the job yet.
func TestWhyUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-02T08:30:00Z")
	w.jobs = []*project.Job{newJob(t, "a", "0 * * * *")}
	w.why("a/2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", "its due time")
	if _, err := w.Why(t.Context(), w.jobs, w.jobs[0], Ref{Job: "a", Due: at(t, "2026-03-02T08:00:00Z")}); !isNotFound(err) {
		t.Error(err)
	}
}

func TestWhyOverlap(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "*/10 * * * *")
	j.Overlap = project.OverlapQueue
	w := newWorld(t, "2026-03-02T07:55:00Z", j)
	w.to("2026-03-02T08:00:00Z")
	w.to("2026-03-02T08:10:00Z")
	w.why("a/2026-03-02T08:10:00Z", "", "the end of a/2026-03-02T08:00:00Z, which began at 2026-03-02T08:00:00Z")
	w.set(at(t, "2026-03-02T08:15:00Z"))
	w.end(Ref{Job: "a", Due: at(t, "2026-03-02T08:00:00Z")}) // it took 15 minutes
	w.decide()
	w.to("2026-03-02T08:20:00Z")
	w.to("2026-03-02T08:30:00Z")
	w.why("a/2026-03-02T08:30:00Z", "2026-03-02T08:45:00Z", "a/2026-03-02T08:10:00Z, which began at 2026-03-02T08:15:00Z", "1 slot that begins before it")
	if e := w.why("a/2026-03-02T08:10:00Z", ""); !e.Known || e.Slot.Began == nil {
		t.Errorf("the executed one is %+v", e)
	}
}

func TestWhyAfter(t *testing.T) {
	t.Parallel()
	w := newAfter(t)
	w.to("2026-03-02T08:00:00Z")
	w.why("second/2026-03-02T08:00:00Z", "", "the end of first/2026-03-02T08:00:00Z, which is running")
	w.end(Ref{Job: "first", Due: w.Now()})
	w.end(w.decide().Start[0])
	w.why("second/2026-03-02T09:00:00Z", "", "its due time", "the slot of first that is due before")
}

func TestWhyRate(t *testing.T) {
	t.Parallel()
	for per, want := range map[time.Duration]string{
		10 * time.Minute: "catch_up.rate, 2 per 10m", time.Hour: "catch_up.rate, 2 per 1h", 30 * time.Second: "catch_up.rate, 2 per 30s",
		100 * time.Second: "catch_up.rate, 2 per 1m40s",
	} {
		j := newJob(t, "a", "20 * * * *")
		j.CatchUp = project.CatchUp{Policy: project.CatchUpAll, Rate: project.Rate{Count: 2, Per: per}}
		w := newWorld(t, "2026-03-02T07:30:00Z", j)
		now := at(t, "2026-03-02T13:00:00Z").Truncate(per)
		w.set(now)
		w.end(w.decide().Start[0])
		w.end(w.decide().Start[0])
		w.decide()
		in := func(windows int) string { return now.Add(time.Duration(windows) * per).Format(time.RFC3339) }
		w.why("a/2026-03-02T10:20:00Z", in(1), want)
		w.why("a/2026-03-02T12:20:00Z", in(2), want)
	}
}

// TestWhySkipped: a due time within a range is explained by the range.
func TestWhySkipped(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	w.to("2026-03-02T11:30:00Z")
	if e := w.why("a/2026-03-02T09:00:00Z", ""); e.Slot.Reason != "catch_up" || e.Slot.Count != 3 {
		t.Errorf("it is %+v", e.Slot)
	}
}

// TestWhyOverlapping: a slot that is due while an earlier one is executed does not wait.
func TestWhyOverlapping(t *testing.T) {
	t.Parallel()
	for overlap, want := range map[project.Overlap]string{
		project.OverlapSkip:   "it is skipped if a/2026-03-02T09:00:00+01:00, which began at 2026-03-02T09:00:00+01:00, is still executed then: overlap is skip",
		project.OverlapCancel: "it ends the earlier one, and waits until that has ended if a/2026-03-02T09:00:00+01:00, which began at 2026-03-02T09:00:00+01:00, is still executed then: overlap is cancel",
	} {
		j := newJobIn(t, "a", "0 * * * *", "Europe/Prague")
		j.Overlap = overlap
		w := newWorld(t, "2026-03-02T07:30:00Z", j)
		w.to("2026-03-02T08:00:00Z")
		if e := w.why("a/2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", "its due time"); e.Expected != want {
			t.Errorf("%s: %q", overlap, e.Expected)
		}
		w.to("2026-03-02T09:00:00Z")
		e := w.why("a/2026-03-02T09:00:00Z", "")
		if overlap == project.OverlapSkip && (e.Overlapped == nil || !e.Overlapped.Due.Equal(at(t, "2026-03-02T08:00:00Z"))) {
			t.Errorf("skipped for %+v", e.Overlapped)
		}
		if overlap == project.OverlapCancel && !strings.Contains(e.Expected, "that has ended as a/") {
			t.Errorf("expected is %q", e.Expected)
		}
	}
}

// TestWhyBlocked: what has blocked a slot is shown as it is now.
func TestWhyBlocked(t *testing.T) {
	t.Parallel()
	w := newAfter(t)
	w.to("2026-03-02T08:00:00Z")
	w.endWith(Ref{Job: "first", Due: w.Now()}, Summary{Tasks: 1, Failed: 1})
	w.decide()
	repaired := w.runNow(w.job("first"), w.Now())
	w.end(repaired)
	if e := w.why("second/2026-03-02T08:00:00Z", ""); e.Upstream == nil || e.Upstream.Ref != repaired {
		t.Errorf("it comes after %+v", e.Upstream)
	}
}
