// Tests of how slots end.

package record

import (
	"testing"

	"bursar/internal/job/slot"
)

func TestEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		summary Summary
		cancel  bool
		after   string // when it ends
		state   slot.State
		reason  string
	}{
		"done":                      {Summary{Tasks: 3, Done: 2, Excluded: 1}, false, "2026-03-02T08:10:00Z", slot.Done, ""},
		"no tasks":                  {Summary{}, false, "2026-03-02T08:10:00Z", slot.Done, ""},
		"at its deadline":           {Summary{Tasks: 1, Done: 1}, false, "2026-03-02T08:30:00Z", slot.Done, ""},
		"late":                      {Summary{Tasks: 1, Done: 1}, false, "2026-03-02T08:30:01Z", slot.Late, "it ended after its deadline, 30m0s after it was due"},
		"failed and late":           {Summary{Tasks: 2, Done: 1, Failed: 1}, false, "2026-03-02T08:40:00Z", slot.Failed, ""},
		"failed before its tasks":   {Summary{Error: "divide: no"}, false, "2026-03-02T08:10:00Z", slot.Failed, ""},
		"cancelled":                 {Summary{Tasks: 2, Done: 1, Cancelled: 1}, true, "2026-03-02T08:10:00Z", slot.Failed, "cancelled by ann"},
		"done before it was cancel": {Summary{Tasks: 1, Done: 1}, true, "2026-03-02T08:10:00Z", slot.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, "a", "0 8 * * *")
			j.Deadline = 30 * 60e9
			w := newWorld(t, "2026-03-02T07:00:00Z", j)
			w.to("2026-03-02T08:00:00Z")
			ref := Ref{Job: "a", Due: at(t, "2026-03-02T08:00:00Z")}
			if c.cancel {
				if s, err := w.Cancel(t.Context(), ref, "ann"); err != nil || s.CancelAsked == nil {
					t.Fatal(s, err)
				}
				if d := w.decide(); len(d.Cancel) != 1 || d.Cancel[0] != ref {
					t.Errorf("%v are to be cancelled", d.Cancel)
				}
			}
			w.set(at(t, c.after))
			if s := w.endWith(ref, c.summary); s.State != c.state || s.Reason != c.reason {
				t.Errorf("it is %s: %s", s.State, s.Reason)
			}
			before := w.get(ref)
			w.set(w.Now().Add(1e9))
			if s := w.endWith(ref, Summary{Tasks: 9, Failed: 9}); s.State != c.state || s.Summary != c.summary || !s.Ended.Equal(*before.Ended) {
				t.Errorf("ended again it is %+v", s)
			}
			if s, err := w.Cancel(t.Context(), ref, "bob"); err != nil || s.State != c.state {
				t.Errorf("cancelled after its end it is %s, %v", s.State, err)
			}
			w.audit("a", w.dues(j))
		})
	}
}

func TestEndOfWhatDoesNotExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-02T07:00:00Z", newJob(t, "a", "0 8 * * *"))
	ref := Ref{Job: "a", Due: at(t, "2026-03-02T08:00:00Z")}
	if _, err := w.End(t.Context(), w.jobs[0], ref, Summary{}); !isNotFound(err) {
		t.Errorf("end: %v", err)
	}
	if _, err := w.Cancel(t.Context(), ref, "ann"); !isNotFound(err) {
		t.Errorf("cancel: %v", err)
	}
}

// TestOverdue: that an executed slot is behind its deadline is noticed once, at the moment for which a decision was asked.
func TestOverdue(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 8 * * *")
	j.Deadline = 30 * 60e9
	w := newWorld(t, "2026-03-02T07:00:00Z", j)
	deadline := "2026-03-02T08:30:00Z"
	if d := w.to("2026-03-02T08:00:00Z"); !d.Again.Equal(at(t, deadline)) {
		t.Errorf("the next decision is at %s", d.Again)
	}
	if d := w.to(deadline); len(d.Late) != 1 || d.Late[0].Overdue == nil {
		t.Errorf("late are %v", d.Late)
	}
	if d := w.to("2026-03-02T08:31:00Z"); len(d.Late) != 0 {
		t.Errorf("it is noticed again: %v", d.Late)
	}
}
