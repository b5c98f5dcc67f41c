// Tests of the rate of a job: it is never exceeded, and used as far as there is work.

package chunk

import (
	"context"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/task"
	"bursar/internal/project"
)

// TestRate: no window has more attempts than declared, over workers and slots.
func TestRate(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) {
		j.Partition.Count, j.Concurrency, j.Rate = 12, 1, project.Rate{Count: 2, Per: time.Minute}
	})
	s.divide(nil) // chunks of three
	c := &calls{}
	if done := s.execute(s.work, 0, c); done.Remaining != 1 || !done.Again.Equal(due.Add(time.Minute)) {
		t.Errorf("%+v", done)
	}
	if done := s.execute(s.worker("w2"), 1, c); done.Remaining != 3 || !done.Again.Equal(due.Add(time.Minute)) || len(c.list) != 2 {
		t.Errorf("another worker: %+v, %q", done, c.keys())
	}
	s.clock.pass(90 * time.Second)
	if done := s.execute(s.work, 0, c); done.Remaining != 0 {
		t.Errorf("%+v", done)
	}
	if done := s.execute(s.work, 1, c); done.Remaining != 2 || !done.Again.Equal(due.Add(2*time.Minute)) || len(c.list) != 4 {
		t.Errorf("%+v, %q", done, c.keys())
	}
}

// TestRateIsUsed: workers whose tasks take long leave permits to others, and quick ones take many at a time.
func TestRateIsUsed(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{permitInterval / 100, permitInterval, 4 * permitInterval} {
		s := newSlot(t, func(j *project.Job) {
			j.Partition.Count, j.Concurrency, j.Rate = 400, 2, project.Rate{Count: 60, Per: time.Hour}
		})
		counted := &countedUpdates{Catalog: s.work.Catalog}
		s.work.Catalog = counted
		s.divide(nil) // chunks of fifty
		before := counted.updates
		stop := make(chan struct{})
		c := &calls{}
		c.do = func(context.Context, task.Attempt) task.Outcome {
			if s.clock.pass(took); len(c.list) == 25 {
				close(stop)
			}
			return task.Outcome{State: task.Done}
		}
		e := s.execution(0, c)
		e.Stop = stop
		if _, err := s.work.Execute(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if writes := counted.updates - before; took < permitInterval && writes > 9 {
			t.Errorf("%s: %d writes of 25 tasks", took, writes)
		}
		c.do = nil
		for number := 1; number < 8; number++ {
			s.execute(s.work, number, c)
		}
		if len(c.list) != 60 {
			t.Errorf("%s: %d attempts of 60 in a window", took, len(c.list))
		}
	}
}

// TestRateOfReleasedTasks: their permits are given back.
func TestRateOfReleasedTasks(t *testing.T) {
	t.Parallel()
	s := newSlot(t, func(j *project.Job) { j.Partition.Count, j.Rate = 40, project.Rate{Count: 10, Per: time.Hour} })
	s.divide(nil) // chunks of ten
	x, _ := s.begin(0, func(*Execution) {})
	for i := range 4 { // of 1, 2 and 4 permits
		x.apply(i, &task.Outcome{State: task.Done})
		if begins, err := x.begin(t.Context(), i+1); err != nil || !begins {
			t.Fatal(begins, err)
		}
	}
	if _, err := x.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &calls{}
	if s.execute(s.worker("w2"), 1, c); len(c.list) != 5 {
		t.Errorf("another worker begins %d tasks, want 5", len(c.list))
	}
}

// countedUpdates counts transactions.
type countedUpdates struct {
	catalog.Catalog
	updates int
}

func (c *countedUpdates) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	c.updates++
	return c.Catalog.Update(ctx, fn)
}
