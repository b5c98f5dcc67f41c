// Tests of the execution of chunks: retries, workers that die or wake up late, claims and output.

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
	"bursar/internal/project"
)

func TestExecutesTasks(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL = "SELECT" })
	s.divide(rows([2]string{"a", "1"}, [2]string{"a", "2"}, [2]string{"b", "1"}))
	exit := 65
	c := &calls{do: func(_ context.Context, a task.Attempt) task.Outcome {
		switch a.Values["id"] + a.Values["tenant"] {
		case "1a":
			return task.Outcome{State: task.Done}
		case "2a":
			return task.Outcome{State: task.Failed, Class: failure.Data, Error: "it is not valid", Exit: &exit}
		}
		return task.Outcome{State: task.Excluded}
	}}
	for i := range 3 {
		s.execute(s.work, i, c)
		s.execute(s.work, i, c) // nothing remains
	}
	if got := s.summary(); got.Tasks != 3 || got.Done != 1 || got.Failed != 1 || got.Excluded != 1 || got.Error != "task a/2: it is not valid" || got.Class != "data" {
		t.Errorf("summary %+v", got)
	}
	if keys := c.keys(); !slices.Equal(keys, []string{"a/1", "a/2", "b/1"}) {
		t.Errorf("executed %q", keys)
	}
	if one := s.tasks()[1]; *one.Exit != 65 || one.Attempts != 1 || one.Worker != "w1" || one.ID != c.list[1].ID {
		t.Errorf("task %+v", one)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.List = []string{"a", "b"} })
	s.divide(nil)
	c := &calls{do: func(_ context.Context, a task.Attempt) task.Outcome {
		if a.Key == "b" || a.Number == 3 {
			return task.Outcome{State: task.Done}
		}
		out := failed(failure.Throttled, "too many requests")
		out.RetryAfter = time.Duration(a.Number) * 30 * time.Second
		return out
	}}
	for _, wait := range []time.Duration{30 * time.Second, time.Minute} {
		done := s.execute(s.work, 0, c)
		if got := done.Again.Sub(s.clock.Now()); done.Remaining != 1 || got != wait {
			t.Fatalf("%+v: again in %s, want %s", done, got, wait)
		}
		if again := s.execute(s.work, 0, c); again != done { // it is not due
			t.Errorf("before: %+v", again)
		}
		s.clock.pass(wait)
	}
	s.execute(s.work, 0, c)
	s.execute(s.work, 1, c)
	if got := s.summary(); got.Done != 2 || got.Retried != 1 {
		t.Errorf("summary %+v", got)
	}
}

// TestThrottledWaitsLonger than what is transient, also if the server does not say how long.
func TestThrottledWaitsLonger(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.List = []string{"a"}; j.Retry.Attempts = 5 })
	s.divide(nil)
	c := &calls{do: func(_ context.Context, a task.Attempt) task.Outcome {
		if a.Number == 1 {
			return failed(failure.Transient, "away")
		}
		return failed(failure.Throttled, "too many requests")
	}}
	for _, wait := range []time.Duration{time.Second, 20 * time.Second, 40 * time.Second, time.Minute} {
		if done := s.execute(s.work, 0, c); done.Again.Sub(s.clock.Now()) != wait {
			t.Errorf("%+v, want %s", done, wait)
		}
		s.clock.pass(wait)
	}
}

func TestAttemptsEnd(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.List = []string{"a"} })
	s.divide(nil)
	c := &calls{do: func(context.Context, task.Attempt) task.Outcome { return failed(failure.Transient, "away") }}
	for range 9 {
		s.execute(s.work, 0, c)
		s.clock.pass(time.Hour)
	}
	if one := s.tasks()[0]; len(c.list) != 3 || one.State != Failed || one.Attempts != 3 || one.Error != "away" {
		t.Errorf("%d attempts: %+v", len(c.list), one)
	}
}

// die executes a chunk with a worker that is lost while it executes a task: it writes nothing any more.
func die(s *testSlot, chunk int, at string, all bool) {
	s.t.Helper()
	c, err := s.worker("dead").load(s.t.Context(), s.ref, chunk)
	if err != nil {
		s.t.Fatal(err)
	}
	e := s.execution(chunk, nil)
	e.ClaimAll = all
	x := newExecution(e, c)
	for i, key := range c.tasks.Keys {
		if begins, err := x.begin(s.t.Context(), i); err != nil || !begins {
			s.t.Fatal(begins, err)
		}
		if key == at {
			return
		}
		x.apply(i, &task.Outcome{State: task.Done})
	}
}

// TestOnceIsNotRepeated: a task whose worker died is reported as uncertain; those that had not begun are executed.
func TestOnceIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Once = "SELECT", true })
		s.job.Concurrency = 1
		s.divide(rows(numbered("a", 8)...)) // chunks of two
		die(s, 0, "a/0", false)
		var uncertain []string
		c := &calls{do: func(_ context.Context, a task.Attempt) task.Outcome {
			if a.Uncertain {
				uncertain = append(uncertain, a.Key)
			}
			return task.Outcome{State: task.Done}
		}}
		e := s.execution(0, c)
		e.ClaimAll = all
		if _, err := s.work.Execute(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(uncertain, []string{"a/0"}) || !slices.Equal(c.keys(), []string{"a/0", "a/1"}) {
			t.Errorf("executed %q, uncertain %q", c.keys(), uncertain)
		}
	}
}

// TestLateWorkerWritesFirst: the worker that has the chunk now begins again with what is recorded.
func TestLateWorkerWritesFirst(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 }) // chunks of two
	s.divide(nil)
	c := &calls{}
	c.do = func(context.Context, task.Attempt) task.Outcome {
		if len(c.list) == 1 {
			s.execute(s.worker("late"), 0, &calls{})
		}
		return task.Outcome{State: task.Done}
	}
	if _, err := s.work.Execute(t.Context(), s.execution(0, c)); !errors.Is(err, ErrSuperseded) || !failure.Of(err).Retryable() {
		t.Errorf("the current worker: %v", err)
	}
	if done := s.execute(s.work, 0, c); done.Remaining != 0 || s.summary().Done != 2 {
		t.Errorf("%+v, %+v", done, s.summary())
	}
}

// TestClaimAll: if the worker dies, whatever it has claimed is uncertain.
func TestClaimAll(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Task.Email = "SELECT", &project.EmailTask{} })
	s.divide(rows(numbered("a", 16)...)) // chunks of four
	c, err := s.worker("dead").load(t.Context(), s.ref, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := newExecution(s.execution(0, nil), c)
	x.ClaimAll = true
	if begins, err := x.begin(t.Context(), 0); err != nil || !begins {
		t.Fatal(begins, err)
	}
	next := &calls{}
	s.execute(s.work, 0, next)
	for _, a := range next.list {
		if !a.Uncertain {
			t.Errorf("%s is not uncertain", a.Key)
		}
	}
	if len(next.list) != 4 {
		t.Errorf("executed %q", next.keys())
	}
	if err := x.write(t.Context()); err != nil { // nothing has changed
		t.Error(err)
	}
	x.apply(0, &task.Outcome{State: task.Failed})
	if err := x.write(t.Context()); !errors.Is(err, ErrSuperseded) {
		t.Errorf("the dead worker writes: %v", err)
	}
	if got := s.summary(); got.Done != 4 {
		t.Errorf("summary %+v", got)
	}
}

// TestAgain: where it can be found out, another run of a slot looks for the effects of the one before.
func TestAgain(t *testing.T) {
	t.Parallel()
	for _, all := range []bool{false, true} {
		s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Task.Email = "SELECT", &project.EmailTask{} })
		s.ref.Run = 2
		s.divide(rows(numbered("a", 4)...))
		c := &calls{}
		e := s.execution(0, c)
		e.ClaimAll = all
		if _, err := s.work.Execute(t.Context(), e); err != nil || len(c.list) == 0 {
			t.Fatal(c.list, err)
		}
		for _, a := range c.list {
			if a.Uncertain != all {
				t.Errorf("%s: uncertain %v, want %v", a.Key, a.Uncertain, all)
			}
		}
	}
}

// TestStop: a worker that is asked to stop begins no more tasks, and gives the claims of others back.
func TestStop(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL, j.Once = "SELECT", true })
	s.divide(rows(numbered("a", 16)...))
	stop := make(chan struct{})
	c := &calls{do: func(context.Context, task.Attempt) task.Outcome { close(stop); return task.Outcome{State: task.Done} }}
	e := s.execution(0, c)
	e.Stop, e.ClaimAll = stop, true
	done, err := s.work.Execute(t.Context(), e)
	if err != nil || done != (Executed{Remaining: 3}) {
		t.Errorf("%+v, %v", done, err)
	}
	next := &calls{}
	s.execute(s.worker("w2"), 0, next)
	if !slices.Equal(next.keys(), []string{"a/1", "a/2", "a/3"}) || next.list[0].Uncertain {
		t.Errorf("then %+v", next.list)
	}
}

// TestInterrupted: a task that is interrupted has not failed.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.List = []string{"a"} })
	s.divide(nil)
	ctx, cancel := context.WithCancel(t.Context())
	c := &calls{do: func(ctx context.Context, _ task.Attempt) task.Outcome {
		cancel()
		<-ctx.Done()
		out := failed(failure.Transient, "interrupted")
		out.Output = []byte("half")
		return out
	}}
	done, err := s.work.Execute(ctx, s.execution(0, c))
	if err != nil || done.Remaining != 1 || s.tasks()[0].State != Waiting || s.tasks()[0].Attempts != 0 {
		t.Errorf("%+v, %v: %+v", done, err, s.tasks())
	}
}

func TestCancelRest(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 8 })
	s.divide(nil)
	s.execute(s.work, 0, &calls{})
	late := &calls{do: func(ctx context.Context, _ task.Attempt) task.Outcome {
		if err := s.worker("w2").CancelRest(ctx, s.ref); err != nil {
			t.Error(err)
		}
		return task.Outcome{State: task.Done}
	}}
	if _, err := s.work.Execute(t.Context(), s.execution(1, late)); !errors.Is(err, ErrSuperseded) {
		t.Errorf("a late worker: %v", err)
	}
	if got := s.summary(); got.Tasks != 8 || got.Done != 2 || got.Cancelled != 6 {
		t.Errorf("summary %+v", got)
	}
	if done := s.execute(s.work, 2, &calls{do: func(context.Context, task.Attempt) task.Outcome { t.Error("executed"); return task.Outcome{} }}); done.Remaining != 0 {
		t.Errorf("%+v", done)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.List = []string{"a", "b"}; j.Concurrency = 1 })
	s.divide(nil)
	shown := make(chan Output, 9)
	c := &calls{}
	c.do = func(ctx context.Context, a task.Attempt) task.Outcome {
		a.Live([]byte(strings.Repeat("-", maxLive)))
		a.Live([]byte("working on " + a.Key))
		for a.Key == "b" && len(shown) == 0 && ctx.Err() == nil {
			err := s.work.EachOutput(ctx, s.ref, &a.Key, func(o Output) error {
				if o.Live {
					shown <- o
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		return task.Outcome{State: task.Done, Output: []byte("of " + a.Key + "\xff"), Cut: 7}
	}
	s.execute(s.work, 0, c)
	s.execute(s.work, 1, c)
	if live := <-shown; len(live.Text) != maxLive || !strings.HasSuffix(string(live.Text), "working on b") || live.Bytes != maxLive+12 || live.Key != "b" {
		t.Errorf("live %d bytes of %q, %d in all", len(live.Text), live.Key, live.Bytes)
	}
	var all []string
	err := s.work.EachOutput(t.Context(), s.ref, nil, func(o Output) error {
		if o.Live || o.Cut != 7 || o.Attempt != 1 {
			t.Errorf("%+v", o)
		}
		all = append(all, string(o.Text))
		return nil
	})
	if err != nil || !slices.Equal(all, []string{"of a\xff", "of b\xff"}) {
		t.Errorf("%q, %v", all, err)
	}
}
