// Tests of outcomes and output that cannot be written, and of attempts that end their worker.

package chunk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/failure"
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
	for range 10 {
		x, err := s.work.load(t.Context(), s.ref, 0)
		if err != nil {
			t.Fatal(err)
		}
		e := newExecution(Execution{Job: s.job, Ref: s.ref, Chunk: 0, AfterLoss: true}, x)
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
