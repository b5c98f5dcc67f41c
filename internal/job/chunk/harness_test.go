// Slots and scripted tasks for the tests of chunks.

package chunk

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/job/task"
	"bursar/internal/object"
	"bursar/internal/project"
)

var due = time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testSlot is a slot of a job, with the work of one worker; other workers share its catalog.
type testSlot struct {
	t     *testing.T
	work  *Work
	clock *clock
	job   *project.Job
	ref   record.Ref
}

func newSlot(t *testing.T, change func(*project.Job)) *testSlot {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	clock := &clock{now: due}
	j := &project.Job{Name: "calls", Concurrency: 1, Retry: project.Retry{Attempts: 3, Wait: time.Second, Longest: time.Minute}, Zone: time.UTC}
	j.Task.Exec = []string{"call"}
	change(j)
	return &testSlot{t, &Work{Catalog: c, Objects: object.NewFolder(t.TempDir()), Now: clock.Now, Worker: "w1"}, clock, j, record.Ref{Job: "calls", Due: due}}
}

// worker returns the work of another worker.
func (s *testSlot) worker(name string) *Work {
	w := *s.work
	w.Worker = name
	return &w
}

func (s *testSlot) divide(source Source) Divided {
	s.t.Helper()
	d, err := s.work.Divide(s.t.Context(), s.job, s.ref, source)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *testSlot) execution(chunk int, tasks Executor) Execution {
	return Execution{Job: s.job, Ref: s.ref, Chunk: chunk, Tasks: tasks}
}

func (s *testSlot) execute(w *Work, chunk int, tasks Executor) Executed {
	s.t.Helper()
	done, err := w.Execute(s.t.Context(), s.execution(chunk, tasks))
	if err != nil {
		s.t.Fatal(err)
	}
	return done
}

func (s *testSlot) summary() record.Summary {
	s.t.Helper()
	sum, _, err := s.work.Summarize(s.t.Context(), s.ref)
	if err != nil {
		s.t.Fatal(err)
	}
	return sum
}

func (s *testSlot) tasks() (list []Task) {
	s.t.Helper()
	err := s.work.EachTask(s.t.Context(), s.ref, func(t *Task) error {
		list = append(list, *t)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// calls executes tasks by calling do, and keeps the attempts.
type calls struct {
	mu   sync.Mutex
	list []task.Attempt
	do   func(context.Context, task.Attempt) task.Outcome
}

func (c *calls) Execute(ctx context.Context, a task.Attempt) task.Outcome {
	c.mu.Lock()
	c.list = append(c.list, a)
	c.mu.Unlock()
	if c.do == nil {
		return task.Outcome{State: task.Done}
	}
	return c.do(ctx, a)
}

func (c *calls) keys() (keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.list {
		keys = append(keys, a.Key)
	}
	return keys
}

func failed(class failure.Class, text string) task.Outcome {
	return task.Outcome{State: task.Failed, Class: class, Error: text}
}

// rows is a source of partitions with two columns.
func rows(list ...[2]string) Source {
	return func(_ context.Context, columns func([]string) error, add func(Partition) error) error {
		if err := columns([]string{"tenant", "id"}); err != nil {
			return err
		}
		for _, r := range list {
			if err := add(Partition{Key: r[0] + "/" + r[1], Values: []*string{&r[0], &r[1]}}); err != nil {
				return err
			}
		}
		return nil
	}
}

func numbered(tenant string, n int) (list [][2]string) {
	for i := range n {
		list = append(list, [2]string{tenant, fmt.Sprint(i)})
	}
	return list
}
