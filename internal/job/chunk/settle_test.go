// Tests of outcomes and output that cannot be written, and of attempts that end their worker.

package chunk

import (
	"context"
	"errors"
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

// TestOutcomesWait: what was executed is written as soon as the catalog can be written again, and nothing else begins before.
func TestOutcomesWait(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 }) // chunks of two
	s.divide(nil)
	w, faulty := s.worker("w1"), &faultyCatalog{Catalog: s.work.Catalog}
	w.Catalog = faulty
	tasks := &calls{do: func(_ context.Context, a task.Attempt) task.Outcome {
		if a.Key == "1" {
			faulty.faults = []fault{refused, refused, refused}
			return task.Outcome{State: task.Done, Output: make([]byte, maxBufferedOutput+1)} // which is written at once
		}
		if len(faulty.faults) > 0 || s.summary().Done != 1 {
			t.Error("a task begins before the outcome of another is written")
		}
		return task.Outcome{State: task.Done}
	}}
	s.execute(w, 0, tasks)
	if keys := tasks.keys(); !slices.Equal(keys, []string{"1", "2"}) || s.summary().Done != 2 {
		t.Errorf("executed %q, %+v", keys, s.summary())
	}
}

// TestOutcomesWaitUntilTheEnd: a worker that is asked to stop gives up.
func TestOutcomesWaitUntilTheEnd(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(*project.Job) {})
	s.divide(nil)
	w, faulty := s.worker("w1"), &faultyCatalog{Catalog: s.work.Catalog}
	w.Catalog = faulty
	ctx, cancel := context.WithCancel(t.Context())
	tasks := &calls{do: func(context.Context, task.Attempt) task.Outcome {
		faulty.faults = slices.Repeat([]fault{refused}, 100)
		time.AfterFunc(200*time.Millisecond, cancel)
		return task.Outcome{State: task.Done}
	}}
	if _, err := w.Execute(ctx, s.execution(0, tasks)); err == nil || failure.Of(err) != failure.Transient {
		t.Errorf("%v", err)
	}
}

// brokenStore cannot store objects.
type brokenStore struct {
	object.Store
	err error
}

func (b brokenStore) Create(context.Context, string) (object.Writer, error) { return nil, b.err }

// TestOutputThatCannotBeStored is lost and counted; the outcomes are not. What may pass is waited for.
func TestOutputThatCannotBeStored(t *testing.T) {
	t.Parallel()
	broken, away := errors.New("not a directory"), failure.Wrap(failure.Transient, errors.New("connection refused"))
	for _, c := range []struct {
		err    error
		passes time.Duration // in each task
	}{{failure.Wrap(failure.Data, broken), 0}, {away, outputPatience}} {
		s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 })
		s.divide(nil)
		w := s.worker("w1")
		w.Objects = brokenStore{w.Objects, c.err}
		tasks := &calls{do: func(context.Context, task.Attempt) task.Outcome {
			time.AfterFunc(50*time.Millisecond, func() { s.clock.pass(c.passes) })
			return task.Outcome{State: task.Done, Output: []byte("seven b")}
		}}
		s.execute(w, 0, tasks)
		if sum := s.summary(); sum.Done != 2 || len(tasks.keys()) != 2 {
			t.Errorf("%v: %+v after %q", c.err, sum, tasks.keys())
		}
		for _, one := range s.tasks()[:2] {
			if one.Cut != 7 || one.Attempts != 1 {
				t.Errorf("%v: task %+v", c.err, one)
			}
		}
	}
}

// TestTaskThatEndsItsWorker is not executed for ever.
func TestTaskThatEndsItsWorker(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 }) // chunks of two; three attempts
	s.divide(nil)
	begun := 0
	for i := range 10 {
		x, err := s.work.load(t.Context(), s.ref, 0)
		if err != nil {
			t.Fatal(err)
		}
		e := newExecution(Execution{Job: s.job, Ref: s.ref, Chunk: 0, AfterLoss: i == 0}, x) // later losses are known by themselves
		e.countLost()
		begins, err := e.begin(t.Context(), 0) // and the worker is lost
		if begins {
			begun++
		} else if err == nil {
			_, err = e.finish(t.Context(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.clock.pass(time.Minute)
	}
	after := s.execution(0, &calls{})
	after.AfterLoss = true
	if _, err := s.work.Execute(t.Context(), after); err != nil {
		t.Fatal(err)
	}
	list := s.tasks()
	if begun != 3 || list[0].State != Failed || list[0].Attempts != 3 || list[0].Error != lostAttempt || list[1].State != Done {
		t.Errorf("begun %d times: %+v", begun, list[:2])
	}
}

// TestStoppedAfterLoss: an attempt that is interrupted is not one that was lost.
func TestStoppedAfterLoss(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(*project.Job) {})
	s.divide(nil)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		e := s.execution(0, &calls{do: func(context.Context, task.Attempt) task.Outcome {
			cancel()
			return failed(failure.Transient, "interrupted")
		}})
		e.AfterLoss = true
		_, _ = s.work.Execute(ctx, e) // it is interrupted
	}
	if one := s.tasks()[0]; one.State != Waiting || one.Attempts != 0 {
		t.Errorf("%+v", one)
	}
}

// TestCancelledWhileItIsExecuted: it is not known how a task has ended that was claimed.
func TestCancelledWhileItIsExecuted(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count, j.Once = 8, true })
	s.divide(nil)
	s.begin(0, func(*Execution) {})
	if err := s.work.CancelRest(t.Context(), s.ref); err != nil {
		t.Fatal(err)
	}
	list := s.tasks()
	if list[0].State != Failed || !strings.Contains(list[0].Error, "is not known") || list[1].State != Cancelled {
		t.Errorf("%+v", list[:2])
	}
}

// TestBeginThatIsNotRecorded does not count as an attempt: the task has not begun.
func TestBeginThatIsNotRecorded(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Retry.Attempts = 1 })
	s.divide(nil)
	w, faulty := s.worker("w1"), &faultyCatalog{Catalog: s.work.Catalog, faults: []fault{refused}}
	w.Catalog = faulty
	tasks := &calls{}
	e := s.execution(0, tasks)
	e.AfterLoss = true
	if _, err := w.Execute(t.Context(), e); err == nil || len(tasks.keys()) > 0 {
		t.Errorf("%v after %d attempts", err, len(tasks.keys()))
	}
	s.execute(s.work, 0, tasks)
	if one := s.tasks()[0]; one.State != Done || len(tasks.keys()) != 1 {
		t.Errorf("%+v after %d attempts", one, len(tasks.keys()))
	}
}

// TestDivisionAfterCancel: who divides a slot that has ended meanwhile changes nothing, whether or not it had begun before.
func TestDivisionAfterCancel(t *testing.T) {
	t.Parallel()
	for _, begun := range []bool{false, true} {
		s := newSlot(t, func(j *project.Job) { j.Partition.SQL = "SELECT 1" })
		cancel := func() {
			if err := s.work.CancelRest(t.Context(), s.ref); err != nil {
				t.Fatal(err)
			}
		}
		if !begun {
			cancel()
		}
		d := s.divide(func(ctx context.Context, columns func([]string) error, add func(Partition) error) error {
			cancel()
			return rows([2]string{"t", "1"})(ctx, columns, add)
		})
		tasks := &calls{}
		_, err := s.work.Execute(t.Context(), s.execution(0, tasks))
		if d.Chunks > 0 || len(tasks.keys()) > 0 {
			t.Errorf("begun %v: %+v, executed %q, %v", begun, d, tasks.keys(), err)
		}
		v := &Verification{Work: s.work, Kept: due.Add(-time.Hour)}
		ended := due
		slot := &record.Slot{Ref: s.ref, State: slot.Failed, Began: &ended, Ended: &ended, Summary: record.Summary{Error: "it was cancelled"}}
		if err := errors.Join(v.Slot(t.Context(), slot), v.Faults.Err()); err != nil {
			t.Errorf("begun %v: verify: %v", begun, err)
		}
	}
}

// TestFailedOfRepairedDivision is refused: the columns of the values are lost.
func TestFailedOfRepairedDivision(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL = "SELECT 1" })
	s.divide(rows([2]string{"t", "1"}))
	s.execute(s.work, 0, &calls{do: func(context.Context, task.Attempt) task.Outcome { return failed(failure.Data, "no") }})
	err := s.work.Catalog.Update(t.Context(), func(tx catalog.Tx) error {
		d, err := getDivision(tx, s.ref)
		if err != nil {
			return err
		}
		d.Columns = nil
		return tx.Put(divisionKey(s.ref), d)
	})
	if err != nil {
		t.Fatal(err)
	}
	before := s.ref
	s.ref.Run = 1
	if _, err := s.work.Divide(t.Context(), s.job, s.ref, s.work.Failed(before)); err == nil || !strings.Contains(err.Error(), "run the whole slot") {
		t.Errorf("%v", err)
	}
}

// TestFirstRun: statements of a run that has what others have not done are those of the run that had all.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(*project.Job) {})
	first := s.ref
	s.ref.Run = 2
	s.divide(nil)
	tasks := &calls{}
	e := s.execution(0, tasks)
	e.First = &first.Run
	if _, err := s.work.Execute(t.Context(), e); err != nil || len(tasks.list) != 1 || tasks.list[0].Execution != first.String() {
		t.Errorf("%+v, %v", tasks.list, err)
	}
}
