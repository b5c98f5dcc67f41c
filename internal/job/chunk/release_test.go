// Tests of long tasks: others do not wait for them.

package chunk

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/task"
	"bursar/internal/project"
)

// TestLongTask: the tasks behind a long one go to other workers while it is executed.
func TestLongTask(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.SQL = "SELECT" })
	s.divide(rows(numbered("a", 16)...))
	released := make(chan int, 2)
	c := &calls{do: func(context.Context, task.Attempt) task.Outcome {
		s.clock.pass(longTask + time.Second)
		next := &calls{}
		for range 2 {
			s.execute(s.worker("w2"), <-released, next)
		}
		if !slices.Equal(next.keys(), []string{"a/1", "a/2", "a/3"}) {
			t.Errorf("the other executes %q", next.keys())
		}
		return task.Outcome{State: task.Done}
	}}
	e := s.execution(0, c)
	e.Released = func(_ context.Context, chunk int) { released <- chunk }
	done, err := s.work.Execute(t.Context(), e)
	if err != nil || done.Remaining != 0 || len(c.list) != 1 {
		t.Errorf("%+v, %v, %q", done, err, c.keys())
	}
	if got := s.summary(); got.Tasks != 16 || got.Done != 4 {
		t.Errorf("summary %+v", got)
	}
}

// TestReleasedRetries: a task that is tried again does not wait for a long one, and keeps its attempts.
func TestReleasedRetries(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 16 }) // chunks of four
	s.divide(nil)
	s.execute(s.work, 0, &calls{do: func(context.Context, task.Attempt) task.Outcome { return failed(failure.Transient, "away") }})
	s.clock.pass(time.Minute)
	x, _ := s.begin(0, func(*Execution) {})
	x.apply(0, &task.Outcome{State: task.Failed, Class: failure.Transient, Error: "away again"})
	if begins, err := x.begin(t.Context(), 1); err != nil || !begins {
		t.Fatal(begins, err)
	}
	added, err := x.release(t.Context())
	if err != nil || len(added) != 2 {
		t.Fatal(added, err)
	}
	s.clock.pass(time.Minute)
	c := &calls{}
	for _, number := range added {
		s.execute(s.work, number, c)
	}
	if !slices.Equal(c.keys(), []string{"1", "3", "4"}) || c.list[0].Number != 3 || c.list[1].Number != 2 {
		t.Errorf("executed %+v", c.list)
	}
}

// TestReleasedChunk: whoever is given the old chunk finds nothing in it, and one that has it is superseded.
func TestReleasedChunk(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 16 }) // chunks of four
	s.divide(nil)
	late, _ := s.begin(1, func(*Execution) {})
	added, err := s.work.Release(t.Context(), s.ref, 1)
	if err != nil || len(added) != 2 {
		t.Fatal(added, err)
	}
	late.apply(0, &task.Outcome{State: task.Done})
	if err := late.write(t.Context()); !errors.Is(err, ErrSuperseded) {
		t.Errorf("the late worker: %v", err)
	}
	c := &calls{}
	if done := s.execute(s.work, 1, c); done.Remaining > 0 || len(c.list) > 0 {
		t.Errorf("the old chunk: %+v, %q", done, c.keys())
	}
	for _, number := range added {
		s.execute(s.work, number, c)
	}
	if !slices.Equal(c.keys(), []string{"5", "6", "7", "8"}) {
		t.Errorf("executed %q", c.keys())
	}
}

// TestReleasesStoreFewPartitions: if each task is long, a partition is stored in few chunks.
func TestReleasesStoreFewPartitions(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count = 800 })
	chunks, stored := s.divide(nil).Chunks, 0
	for number := 0; number < chunks; number++ {
		x, _ := s.begin(number, func(*Execution) {})
		added, err := x.release(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		chunks += len(added)
		stored += len(x.chunk.tasks.Keys)
	}
	if chunks != 800 || stored > 800*8 {
		t.Errorf("%d chunks with %d partitions", chunks, stored)
	}
}

// betweenViews calls a function once, after the first View.
type betweenViews struct {
	catalog.Catalog
	call func()
}

func (b *betweenViews) View(ctx context.Context, fn func(catalog.Tx) error) error {
	err := b.Catalog.View(ctx, fn)
	if call := b.call; call != nil {
		b.call = nil
		call()
	}
	return err
}

// TestSummaryWhileTasksMove: a task that moves while chunks are read is counted once.
func TestSummaryWhileTasksMove(t *testing.T) {
	t.Parallel()
	const tasks = 3 * chunksPerView
	s := newSlot(t, func(j *project.Job) { j.Partition.Count, j.Concurrency = tasks, chunksPerView })
	s.divide(nil)
	reader := s.worker("reader")
	reader.Catalog = &betweenViews{s.work.Catalog, func() {
		if added, err := s.work.Release(t.Context(), s.ref, 0); err != nil || len(added) == 0 {
			t.Error(added, err)
		}
	}}
	sum, unended, err := reader.Summarize(t.Context(), s.ref)
	if err != nil || sum.Tasks != tasks || len(unended) == 0 {
		t.Errorf("%+v, %v", sum, err)
	}
}
