// Tests of what is reported of slots: each end once, and slots that are late.

package record

import (
	"context"
	"errors"
	"slices"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// notices returns a list that grows with what is noticed.
func (w *world) notices() *[]string {
	var list []string
	w.Noticed = func(s Slot) { list = append(list, brief(&s)) }
	return &list
}

// TestNoticed: how a slot ends is reported once, also where it is decided for what a person has asked for.
func TestNoticed(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.Overlap = project.OverlapQueue
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	got := w.notices()
	w.set(at(t, "2026-03-02T10:00:00Z"))
	w.pause(j, true) // it is 10:00, which waits; 08:00 and 09:00 were missed
	w.set(at(t, "2026-03-02T11:00:00Z"))
	w.resume(j, true)
	first := w.decide().Start[0]
	w.to("2026-03-02T12:00:00Z")
	for range 2 {
		w.end(first)
		if _, err := w.Cancel(t.Context(), Ref{Job: "a", Due: w.Now()}, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"08:00-09:00 2 skipped: catch_up", "11:00 skipped: paused", "10:00 done", "12:00 failed"}
	if !slices.Equal(*got, want) {
		t.Errorf("noticed %q, want %q", *got, want)
	}
}

// TestLateIsNoticed: a slot that waits beyond its deadline is reported then.
func TestLateIsNoticed(t *testing.T) {
	t.Parallel()
	j := newJob(t, "a", "0 * * * *")
	j.Overlap, j.Deadline = project.OverlapQueue, 30*60e9
	w := newWorld(t, "2026-03-02T07:30:00Z", j)
	got := w.notices()
	first := w.to("2026-03-02T08:00:00Z").Start[0]
	w.to("2026-03-02T09:00:00Z")
	w.to("2026-03-02T09:30:00Z")
	w.end(first)
	w.end(w.to("2026-03-02T09:31:00Z").Start[0])
	if want := []string{"08:00 running", "09:00 waiting", "08:00 late", "09:00 late"}; !slices.Equal(*got, want) {
		t.Errorf("noticed %q, want %q", *got, want)
	}
}

// failingCommit is a catalog whose transactions fail at their end.
type failingCommit struct{ catalog.Catalog }

func (f failingCommit) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	return f.Catalog.Update(ctx, func(tx catalog.Tx) error { return errors.Join(fn(tx), errors.New("no space left")) })
}

// TestNothingIsNoticedTwice: what was not recorded is not reported.
func TestNothingIsNoticedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-02T07:30:00Z", newJob(t, "a", "0 * * * *"))
	got := w.notices()
	w.set(at(t, "2026-03-02T10:30:00Z"))
	broken := *w.Slots
	broken.Catalog = failingCommit{w.Catalog}
	if _, err := broken.Decide(t.Context(), w.jobs); err == nil || len(*got) != 0 {
		t.Errorf("noticed %q, %v", *got, err)
	}
	w.decide()
	if len(*got) != 1 {
		t.Errorf("noticed %q", *got)
	}
}

// TestDamagedRecords: a job with a reference to a slot that does not exist does not stop the others; what comes after it waits.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	for _, key := range []string{runningKey(Ref{Job: "b"}), waitingKey(&Slot{Ref: Ref{Job: "b"}, Kind: slot.Scheduled})} {
		a, b, c := newJob(t, "a", "0 * * * *"), newJob(t, "b", "0 * * * *"), newJob(t, "c", "0 * * * *")
		c.After = "b"
		w := newWorld(t, "2026-03-02T07:30:00Z", c, b, a)
		if err := w.Catalog.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put(key, Ref{Job: "b"}) }); err != nil {
			t.Fatal(err)
		}
		d := w.to("2026-03-02T08:00:00Z")
		if len(d.Broken) != 1 {
			t.Fatalf("%v", d.Broken)
		}
		refused(t, d.Broken[0], "decide about the slots of b: read the slot b/0001-01-01T00:00:00Z, which is listed as open: the catalog has no document of it")
		w.expect("a", "08:00 running")
		w.expect("b")
		w.expect("c", "08:00 waiting")
		if w.jobs = w.jobs[2:]; len(w.to("2026-03-02T10:00:00Z").Start) == 0 { // b is removed
			t.Error("a is not executed")
		}
	}
}
