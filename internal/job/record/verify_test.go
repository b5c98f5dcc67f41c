// Tests of damaged records: each document that is missing is noticed, and made again as far as the others say what it was.

package record

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// newVerifiedWorld returns a project whose job has a slot of each kind: a range that was skipped, one that is done, one that is executed, and one
// that waits.
func newVerifiedWorld(t *testing.T) *world {
	t.Helper()
	j := newJob(t, "bills", "0 * * * *")
	j.Overlap = project.OverlapQueue
	w := newWorld(t, "2026-11-25T04:30:00Z", j)
	if _, err := w.Pause(t.Context(), w.jobs, j, "me"); err != nil {
		t.Fatal(err)
	}
	w.to("2026-11-25T06:30:00Z")
	if _, err := w.Resume(t.Context(), w.jobs, j); err != nil {
		t.Fatal(err)
	}
	w.end(w.to("2026-11-25T07:00:00Z").Start[0])
	w.to("2026-11-25T08:00:00Z")
	w.to("2026-11-25T09:00:00Z")
	w.expect("bills", "05:00-06:00 2 skipped: paused", "07:00 done", "08:00 running", "09:00 waiting")
	return w
}

func (w *world) faults() string {
	w.t.Helper()
	var faults Faults
	if _, err := w.Verify(w.t.Context(), &faults); err != nil {
		w.t.Fatal(err)
	}
	if err := faults.Err(); err != nil {
		return err.Error()
	}
	return ""
}

// repair repairs all, and returns what was done.
func (w *world) repair() (done []string) {
	w.t.Helper()
	for _, repair := range []func(string) ([]string, error){
		func(job string) ([]string, error) { return w.RepairLists(w.t.Context(), job) },
		func(job string) ([]string, error) { return w.RepairState(w.t.Context(), job) },
	} {
		some, err := repair("bills")
		if err != nil {
			w.t.Fatal(err)
		}
		done = append(done, some...)
	}
	return done
}

func (w *world) keys() (keys []string) {
	w.t.Helper()
	err := w.Catalog.View(w.t.Context(), func(tx catalog.Tx) error {
		keys = nil
		return tx.List("jobs/", func(key string, _ json.RawMessage) error {
			keys = append(keys, key)
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

func (w *world) delete(key string) {
	w.t.Helper()
	if err := w.Catalog.Update(w.t.Context(), func(tx catalog.Tx) error { return tx.Delete(key) }); err != nil {
		w.t.Fatal(err)
	}
}

func TestVerifyMissingDocuments(t *testing.T) {
	t.Parallel()
	before := []string{"05:00-06:00 2 skipped: paused", "07:00 done", "08:00 running", "09:00 waiting"}
	for name, c := range map[string]struct {
		key   string // of the document that is missing
		fault string
		slots []string // after the repair; nil: those of before
	}{
		"a list of running slots": {key: "jobs/running/", fault: "08:00:00Z is running, but the list of running slots lacks it"},
		"a list of waiting slots": {key: "jobs/waiting/", fault: "09:00:00Z is waiting, but the list of waiting slots lacks it"},
		"the state":               {key: "jobs/state/", fault: "the state of job bills is missing"},
		"a waiting slot":          {key: slotKey(Ref{Job: "bills", Due: at(t, "2026-11-25T09:00:00Z")}), fault: "09:00:00Z is in the list of waiting slots, but its document is missing"},
		"a running slot":          {key: slotKey(Ref{Job: "bills", Due: at(t, "2026-11-25T08:00:00Z")}), fault: "08:00:00Z is in the list of running slots, but its document is missing"},
		"a slot that is done": {
			key: slotKey(Ref{Job: "bills", Due: at(t, "2026-11-25T07:00:00Z")}), fault: "has counted 2 fired, 1 done, 2 skipped, 1 tasks; its slots are 1 fired, 2 skipped",
			slots: slices.Delete(slices.Clone(before), 1, 2),
		},
		"a range": {key: slotKey(Ref{Job: "bills", Due: at(t, "2026-11-25T06:00:00Z")}), fault: "its slots are 2 fired, 1 done, 1 tasks", slots: before[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newVerifiedWorld(t)
			if got := w.faults(); got != "" {
				t.Fatal(got)
			}
			keys := w.keys()
			at := slices.IndexFunc(keys, func(key string) bool { return strings.HasPrefix(key, c.key) })
			w.delete(keys[at])
			if got := w.faults(); !strings.Contains(got, c.fault) {
				t.Errorf("faults %s; want %s", got, c.fault)
			}
			if done := w.repair(); len(done) == 0 {
				t.Error("nothing was repaired")
			}
			if got := w.faults(); got != "" {
				t.Errorf("after the repair: %s", got)
			}
			want := c.slots
			if want == nil {
				want = before
			}
			w.expect("bills", want...)
			if done := w.repair(); len(done) > 0 {
				t.Errorf("repaired again: %q", done)
			}
			w.later(time.Hour) // which must not fail
		})
	}
}

// TestVerifyStaleLists: what lists a slot that has ended is found, and removed.
func TestVerifyStaleLists(t *testing.T) {
	t.Parallel()
	w := newVerifiedWorld(t)
	done := Ref{Job: "bills", Due: at(t, "2026-11-25T07:00:00Z")}
	if err := w.Catalog.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put(runningKey(done), done) }); err != nil {
		t.Fatal(err)
	}
	if got := w.faults(); !strings.Contains(got, "07:00:00Z is done, but it is in the list of running slots") {
		t.Error(got)
	}
	w.repair()
	if got := w.faults(); got != "" {
		t.Error(got)
	}
}

// TestVerifyAfterPruning: counters are those of the slots that are kept, and of those that are not.
func TestVerifyAfterPruning(t *testing.T) {
	t.Parallel()
	w := newVerifiedWorld(t)
	w.set(w.Now().Add(time.Minute))
	if removed, err := w.prune("bills", w.Now(), 9); err != nil || len(removed) != 2 {
		t.Fatal(removed, err)
	}
	if got := w.faults(); got != "" {
		t.Error(got)
	}
}

// TestRestore: a slot whose record is lost is restored by its tasks, unless it has a record.
func TestRestore(t *testing.T) {
	t.Parallel()
	w := newVerifiedWorld(t)
	ref := Ref{Job: "bills", Due: at(t, "2026-11-25T07:00:00Z")}
	w.delete(slotKey(ref))
	for _, summary := range []Summary{{Tasks: 1, Done: 1}, {Tasks: 1, Failed: 1}} {
		if err := w.Restore(t.Context(), ref, summary, false); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.faults(); got != "" {
		t.Error(got)
	}
	if got, err := w.Get(t.Context(), ref); err != nil || got.State != slot.Done || got.Summary.Done != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// misplace writes the document of a slot under the key of another one.
func (w *world) misplace(ref, under Ref) {
	w.t.Helper()
	s := w.get(ref)
	if err := w.Catalog.Update(w.t.Context(), func(tx catalog.Tx) error { return tx.Put(slotKey(under), s) }); err != nil {
		w.t.Fatal(err)
	}
}

// TestMisplacedDocuments: a document under the key of another slot is found, not counted, and removed; a slot that it replaces is restored.
func TestMisplacedDocuments(t *testing.T) {
	t.Parallel()
	for name, under := range map[string]string{"no slot": "2026-11-25T10:00:00Z", "a running slot": "2026-11-25T08:00:00Z", "a waiting slot": "2026-11-25T09:00:00Z"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newVerifiedWorld(t)
			w.misplace(Ref{Job: "bills", Due: at(t, "2026-11-25T07:00:00Z")}, Ref{Job: "bills", Due: at(t, under)})
			if got := w.faults(); !strings.Contains(got, "is that of slot bills/2026-11-25T07:00:00Z") || strings.Contains(got, "2 done") {
				t.Error(got)
			}
			if done := w.repair(); len(done) == 0 || !strings.Contains(done[0], "which described slot bills/2026-11-25T07:00:00Z as done") {
				t.Errorf("repaired %q", done)
			}
			if got := w.faults(); got != "" {
				t.Errorf("after the repair: %s", got)
			}
			w.expect("bills", "05:00-06:00 2 skipped: paused", "07:00 done", "08:00 running", "09:00 waiting")
			if done := w.repair(); len(done) > 0 {
				t.Errorf("repaired again: %q", done)
			}
		})
	}
}

// TestEachBegunEnds: documents that describe a slot which was listed before do not lead back to it.
func TestEachBegunEnds(t *testing.T) {
	t.Parallel()
	w := newVerifiedWorld(t)
	running := Ref{Job: "bills", Due: at(t, "2026-11-25T08:00:00Z")}
	w.misplace(running, Ref{Job: "bills", Due: at(t, "2026-11-25T04:00:00Z")})
	var got []string
	err := w.EachBegun(t.Context(), "bills", func(s *Slot) error {
		if got = append(got, brief(s)); len(got) > 2 {
			return errors.New("there are only two")
		}
		return nil
	})
	if want := []string{"08:00 running", "07:00 done"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// TestRepairLostRun: a run whose record is lost before it has tasks fails, as it may have been asked for only what had failed.
func TestRepairLostRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begun, hasTasks bool
		want            string
	}{
		"waiting":             {want: "08:00/1 failed"},
		"begun":               {begun: true, want: "08:00/1 failed"},
		"begun and has tasks": {begun: true, hasTasks: true, want: "08:00/1 running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "2026-11-25T07:30:00Z", newJob(t, "bills", "0 * * * *"))
			first := w.to("2026-11-25T08:00:00Z").Start[0]
			w.endWith(first, Summary{Tasks: 100, Done: 99, Failed: 1})
			ref, err := w.RunFailed(t.Context(), w.jobs, w.jobs[0], first.Due, "me")
			if err != nil {
				t.Fatal(err)
			}
			if c.begun {
				w.decide()
			}
			w.delete(slotKey(ref))
			if done, err := w.RepairLists(t.Context(), "bills"); err != nil || len(done) > 0 {
				t.Fatal(done, err)
			}
			if c.hasTasks {
				if err := w.Restore(t.Context(), ref, Summary{Tasks: 1}, true); err != nil {
					t.Fatal(err)
				}
			}
			w.repair()
			if got := w.faults(); got != "" {
				t.Errorf("after the repair: %s", got)
			}
			w.decide()
			w.expect("bills", "08:00 failed", c.want)
		})
	}
}

// TestRestoreLostBackfill: a backfilled slot whose record is lost waits again, as it always has all tasks.
func TestRestoreLostBackfill(t *testing.T) {
	t.Parallel()
	w := newVerifiedWorld(t)
	in := Interval{From: at(t, "2026-11-25T05:00:00Z"), To: at(t, "2026-11-25T06:00:00Z")}
	out, err := w.Backfill(t.Context(), w.jobs, w.jobs[0], in, "me")
	if err != nil || len(out.Slots) != 1 {
		t.Fatal(out, err)
	}
	w.delete(slotKey(out.Slots[0]))
	w.repair()
	if got := w.get(out.Slots[0]); got.State != slot.Waiting || got.Kind != slot.Backfill {
		t.Errorf("%+v", got)
	}
}
