// Tests of damaged tasks: each document and object that is missing or changed is noticed, and nothing that other processes do meanwhile is.

package chunk

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/job/task"
	"bursar/internal/object"
	"bursar/internal/project"
)

// endedSlot returns a slot with three tasks in two chunks, each of which has written something, and its record.
func endedSlot(t *testing.T) (*testSlot, *record.Slot) {
	t.Helper()
	s := newSlot(t, func(j *project.Job) { j.Partition.List, j.Concurrency = []string{"a", "b", "c", "d", "e"}, 1 })
	d := s.divide(nil)
	for number := range d.Chunks {
		s.execute(s.work, number, &calls{do: func(_ context.Context, a task.Attempt) task.Outcome {
			return task.Outcome{State: task.Done, Output: []byte("of " + a.Key)}
		}})
	}
	at := due.Add(time.Minute)
	return s, &record.Slot{Ref: s.ref, Count: 1, State: slot.Done, Began: &at, Ended: &at, Summary: s.summary()}
}

// verify returns the faults of a slot: those of documents, and the names of lost objects.
func (s *testSlot) verify(r *record.Slot, kept time.Time) (faults string, lost []string) {
	s.t.Helper()
	v := &Verification{Work: s.work, Kept: kept, Lost: func(_ record.Ref, d object.Description, err error) error {
		if !object.IsDamage(err) {
			s.t.Error(err)
		}
		lost = append(lost, d.Name)
		return nil
	}}
	if err := v.Slot(s.t.Context(), r); err != nil {
		s.t.Fatal(err)
	}
	if err := v.Faults.Err(); err != nil {
		faults = err.Error()
	}
	return faults, lost
}

func (s *testSlot) put(key string, change func(o *outcomes)) {
	s.t.Helper()
	err := s.work.Catalog.Update(s.t.Context(), func(tx catalog.Tx) error {
		if change == nil {
			return tx.Delete(key)
		}
		var o outcomes
		if _, err := tx.Get(key, &o); err != nil {
			return err
		}
		change(&o)
		return tx.Put(key, o)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestVerifyDocuments(t *testing.T) {
	t.Parallel()
	first := func(s *testSlot) string { return outcomesKey(s.ref, 0) }
	for name, c := range map[string]struct {
		key    func(s *testSlot) string
		change func(o *outcomes) // nil: it is deleted
		fault  string            // empty: none
		open   bool              // the slot is executed
		kept   time.Duration     // how long after the slot is due the kept ones begin
	}{
		"undamaged":                    {key: func(*testSlot) string { return "other" }},
		"no division":                  {key: func(s *testSlot) string { return divisionKey(s.ref) }, fault: "how its work was divided is missing"},
		"no division, open":            {key: func(s *testSlot) string { return divisionKey(s.ref) }, fault: "how its work was divided is missing", open: true},
		"no division, but removed":     {key: func(s *testSlot) string { return divisionKey(s.ref) }, kept: time.Hour},
		"no partitions":                {key: func(s *testSlot) string { return partitionsKey(s.ref, 1) }, fault: "the partitions of chunk 1 are missing"},
		"no partitions, open":          {key: func(s *testSlot) string { return partitionsKey(s.ref, 1) }, fault: "the partitions of chunk 1 are missing", open: true},
		"no outcomes":                  {key: first, fault: "the outcomes of chunk 0 are missing"},
		"no outcomes, open":            {key: first, open: true},
		"outcomes of other partitions": {key: first, change: func(o *outcomes) { o.States += "d" }, fault: "but outcomes of"},
		"an open task":                 {key: first, change: func(o *outcomes) { o.setState(0, Waiting) }, fault: "1 tasks of chunk 0 have not"},
		"an open task, open":           {key: first, change: func(o *outcomes) { o.setState(0, Waiting) }, open: true},
		"another end":                  {key: first, change: func(o *outcomes) { o.setState(0, Failed) }, fault: "it has recorded"},
		"a task less":                  {key: first, change: func(o *outcomes) { o.setState(0, moved) }, fault: "it has recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := endedSlot(t)
			s.put(c.key(s), c.change)
			if c.open {
				r.State, r.Ended, r.Summary = slot.Running, nil, record.Summary{}
			}
			faults, lost := s.verify(r, due.Add(c.kept))
			if faults == "" != (c.fault == "") || !strings.Contains(faults, c.fault) || len(lost) > 0 {
				t.Errorf("faults %q, lost %q; want %q", faults, lost, c.fault)
			}
		})
	}
}

// TestVerifyUndivided: a slot that has failed before its work was divided needs no division.
func TestVerifyUndivided(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(*project.Job) {})
	r := &record.Slot{Ref: s.ref, State: slot.Failed, Began: &due, Ended: &due, Summary: record.Summary{Error: "the query failed"}}
	if faults, _ := s.verify(r, due); faults != "" {
		t.Error(faults)
	}
}

// overwrite replaces an object by what change makes of it; nil deletes it.
func (s *testSlot) overwrite(name string, change func([]byte) []byte) {
	s.t.Helper()
	store := s.work.Objects
	in, err := store.Open(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	content := make([]byte, in.Size())
	if _, err := io.ReadFull(io.NewSectionReader(in, 0, in.Size()), content); err != nil {
		s.t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		s.t.Fatal(err)
	}
	if change == nil {
		if err := store.Delete(s.t.Context(), name); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	s.create(name, change(content))
}

func (s *testSlot) create(name string, content []byte) {
	s.t.Helper()
	out, err := s.work.Objects.Create(s.t.Context(), name)
	if err == nil {
		_, err = out.Write(content)
	}
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *testSlot) objects() []string {
	s.t.Helper()
	names, err := s.work.Objects.List(s.t.Context(), ObjectPrefix)
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

// TestLostOutput: damaged output is found, refused with class data, and hides nothing else.
func TestLostOutput(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]byte) []byte{
		"deleted":   nil,
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"extended":  func(b []byte) []byte { return append(b, "{}"...) },
		"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"emptied":   func([]byte) []byte { return nil },
		"replaced":  func([]byte) []byte { return []byte(`{"task":-1,"attempt":1,"text":""}` + "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := endedSlot(t)
			names := s.objects()
			s.overwrite(names[0], change)
			if faults, lost := s.verify(r, due); faults != "" || !slices.Equal(lost, names[:1]) {
				t.Errorf("faults %q, lost %q", faults, lost)
			}
			shown := 0
			err := s.work.EachOutput(t.Context(), s.ref, nil, func(Output) error { shown++; return nil })
			if e := (*LostOutputError)(nil); !errors.As(err, &e) || e.Objects != 1 || failure.Of(err) != failure.Data || shown == 0 {
				t.Errorf("%v with %d shown", err, shown)
			}
			if err := s.work.EachOutput(t.Context(), s.ref, nil, func(Output) error { return failure.ErrStop }); err == nil {
				t.Error("the loss is hidden if not all is read")
			}
		})
	}
}

// TestOutputOfUnknownTask: a line of output that names a task which its chunk does not have is left out.
func TestOutputOfUnknownTask(t *testing.T) {
	t.Parallel()
	s, _ := endedSlot(t)
	const text = `{"task":-1,"attempt":1,"text":"eA=="}` + "\n" + `{"task":99,"attempt":1,"text":"eA=="}` + "\n"
	w, err := object.CreateDescribed(t.Context(), s.work.Objects, outputName(s.ref, 0))
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.put(outcomesKey(s.ref, 0), func(o *outcomes) { o.Outputs = []object.Description{w.Description} })
	err = s.work.EachOutput(t.Context(), s.ref, nil, func(o Output) error {
		if string(o.Text) == "x" {
			t.Errorf("%+v", o)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestRestoreDivision: the division of a slot that has ended is that of its chunks, unless the slot is removed.
func TestRestoreDivision(t *testing.T) {
	t.Parallel()
	s, r := endedSlot(t)
	s.put(divisionKey(s.ref), nil)
	for _, c := range []struct {
		kept time.Time
		want bool
	}{{due.Add(time.Hour), false}, {due, true}, {due, false}} {
		v := &Verification{Work: s.work, Kept: c.kept}
		if restored, err := v.RestoreDivision(t.Context(), r); err != nil || restored != c.want {
			t.Errorf("kept from %s: %t, %v", c.kept, restored, err)
		}
	}
	if faults, lost := s.verify(r, due); faults != "" || len(lost) > 0 {
		t.Errorf("faults %q, lost %q", faults, lost)
	}
}

// TestForgetOutput: output that nothing can restore is named no more.
func TestForgetOutput(t *testing.T) {
	t.Parallel()
	s, r := endedSlot(t)
	names := s.objects()
	s.overwrite(names[0], func(b []byte) []byte { return b[1:] })
	if err := s.work.ForgetOutput(t.Context(), s.ref, object.Description{Name: names[0]}); err != nil {
		t.Fatal(err)
	}
	if faults, lost := s.verify(r, due); faults != "" || len(lost) > 0 || !slices.Equal(s.objects(), names[1:]) {
		t.Errorf("faults %q, lost %q, objects %q", faults, lost, s.objects())
	}
}

// recordSlot records a slot of the test's job that is executed, and has its tasks belong to it.
func (s *testSlot) recordSlot() {
	s.t.Helper()
	slots := &record.Slots{Catalog: s.work.Catalog, Now: s.clock.Now}
	s.ref.Run = 1
	if err := slots.Restore(s.t.Context(), s.ref, record.Summary{}, true); err != nil {
		s.t.Fatal(err)
	}
}

// TestUnknown: objects that no outcome names are unfinished if their slot exists, and else unexpected.
func TestUnknown(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.List = []string{"a"} })
	s.recordSlot()
	s.divide(nil)
	s.execute(s.work, 0, &calls{do: func(context.Context, task.Attempt) task.Outcome {
		return task.Outcome{State: task.Done, Output: []byte("text")}
	}})
	named := s.objects()
	late := outputName(s.ref, 0)
	other := outputName(record.Ref{Job: "calls", Due: due, Run: 7}, 0)
	foreign := []string{other, "jobs/calls/20261125t070000z/1/notes.txt", "jobs/calls/zzz"}
	for _, name := range append(foreign, late) {
		s.create(name, []byte("x"))
	}
	unexpected, unfinished, err := s.work.Unknown(t.Context(), s.objects())
	slices.Sort(foreign)
	if slices.Sort(unexpected); err != nil || !slices.Equal(unexpected, foreign) || !slices.Equal(unfinished, []string{late}) {
		t.Errorf("unexpected %q, unfinished %q, %v", unexpected, unfinished, err)
	}
	if err := s.work.Sweep(t.Context(), s.ref); err != nil {
		t.Fatal(err)
	}
	if now := s.objects(); slices.Contains(now, late) || !slices.Contains(now, named[0]) {
		t.Errorf("objects %q", now)
	}
}

// TestUnrecorded: tasks whose slot has no record are found.
func TestUnrecorded(t *testing.T) {
	t.Parallel()
	s, _ := endedSlot(t)
	lost := s.ref
	s.recordSlot()
	s.divide(nil)
	err := s.work.Catalog.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put("job/calls/rate", window{}) })
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.work.Unrecorded(t.Context())
	if err != nil || len(got) != 1 || got[0].String() != lost.String() {
		t.Fatal(got, err)
	}
	for _, want := range []bool{true, false} {
		if isDivided, err := s.work.IsDivided(t.Context(), lost); err != nil || isDivided != want {
			t.Errorf("divided: %t, %v; want %t", isDivided, err, want)
		}
		if err := s.work.Remove(t.Context(), lost); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerifyWhileRemoved: a slot whose tasks are removed is not damaged at any moment.
func TestVerifyWhileRemoved(t *testing.T) {
	t.Parallel()
	for n, isRemoved := 0, false; !isRemoved; n++ {
		s, r := endedSlot(t)
		s.work.Objects = &countdownStore{Store: s.work.Objects, left: n}
		isRemoved = s.work.Remove(t.Context(), s.ref) == nil
		if faults, lost := s.verify(r, due.Add(time.Hour)); faults != "" || len(lost) > 0 {
			t.Fatalf("after %d steps: faults %q, lost %q", n, faults, lost)
		}
	}
}

// TestVerifyWhileExecuted: a slot that is executed is not damaged at any moment.
func TestVerifyWhileExecuted(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 30 })
	r := &record.Slot{Ref: s.ref, State: slot.Running, Began: &due}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d, err := s.work.Divide(t.Context(), s.job, s.ref, nil)
		for number := 0; number < d.Chunks && err == nil; number++ {
			_, err = s.work.Execute(t.Context(), s.execution(number, &calls{do: func(context.Context, task.Attempt) task.Outcome {
				return task.Outcome{State: task.Done, Output: []byte("text")}
			}}))
		}
		if err != nil {
			t.Error(err)
		}
	}()
	for isEnded := false; !isEnded; {
		select {
		case <-ended:
			isEnded = true
		default:
		}
		if faults, lost := s.verify(r, due); faults != "" || len(lost) > 0 {
			t.Fatalf("faults %q, lost %q", faults, lost)
		}
	}
	r.State, r.Ended, r.Summary = slot.Done, &due, s.summary()
	if faults, lost := s.verify(r, due); faults != "" || len(lost) > 0 || len(s.objects()) == 0 {
		t.Errorf("faults %q, lost %q", faults, lost)
	}
}

// countdownStore fails when left deletions are done.
type countdownStore struct {
	object.Store
	left int
}

func (c *countdownStore) Delete(ctx context.Context, name string) error {
	if c.left--; c.left < 0 {
		return errors.New("interrupted")
	}
	return c.Store.Delete(ctx, name)
}
