// One side of the benchmark jobs: a slot on the embedded server, from the request for it to its recorded end.

package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/job/chunk"
	"bursar/internal/job/flow"
	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/job/task"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/temporal"

	"go.temporal.io/sdk/client"
)

// jobsBackends are what both sides use: the catalog and the server of a project that has one process.
type jobsBackends struct {
	catalog catalog.Catalog
	client  client.Client
}

// withJobsBackends opens the backends below a folder, calls do, and closes them.
func withJobsBackends(ctx context.Context, dir string, do func(b jobsBackends) error) (err error) {
	c, err := catalog.OpenSQLite(filepath.Join(dir, "catalog.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	server, err := temporal.Start(ctx, dir, discardLog)
	if err != nil {
		return err
	}
	defer server.Stop()
	return do(jobsBackends{c, server.Client()})
}

// history returns the number of events of a workflow, and their bytes, when it has ended.
func (b jobsBackends) history(ctx context.Context, workflow string) (events, bytes int64, err error) {
	return history(ctx, b.client, workflow)
}

func history(ctx context.Context, c client.Client, workflow string) (events, bytes int64, err error) {
	if err := c.GetWorkflow(ctx, workflow, "").Get(ctx, nil); err != nil {
		return 0, 0, err
	}
	found, err := c.DescribeWorkflowExecution(ctx, workflow, "")
	if err != nil {
		return 0, 0, err
	}
	info := found.GetWorkflowExecutionInfo()
	return info.GetHistoryLength(), info.GetHistorySizeBytes(), nil
}

// jobsSteps are the steps of slots, as a project executes them, with tasks that do nothing.
type jobsSteps struct {
	jobs     []*project.Job
	slots    *record.Slots
	work     *chunk.Work
	executed atomic.Int64 // tasks
	chunks   atomic.Int64
	ended    chan struct{} // closed when a slot has ended
}

// execute is a task: it does nothing.
func (s *jobsSteps) execute(context.Context, task.Attempt) task.Outcome {
	s.executed.Add(1)
	return task.Outcome{State: task.Done}
}

type executorFunc func(context.Context, task.Attempt) task.Outcome

func (f executorFunc) Execute(ctx context.Context, a task.Attempt) task.Outcome { return f(ctx, a) }

// Decide implements flow.Steps.
func (s *jobsSteps) Decide(ctx context.Context) (flow.Decision, error) {
	d, err := s.slots.Decide(ctx, s.jobs)
	return flow.Decision{Start: d.Start, Cancel: d.Cancel, Again: d.Again}, err
}

// Divide implements flow.Steps.
func (s *jobsSteps) Divide(ctx context.Context, ref record.Ref) (flow.Division, error) {
	j := s.jobs[0]
	d, err := s.work.Divide(ctx, j, ref, nil)
	s.chunks.Store(int64(d.Chunks))
	return flow.Division{Chunks: d.Chunks, Concurrency: j.Concurrency, Heartbeat: j.Heartbeat}, err
}

// Execute implements flow.Steps.
func (s *jobsSteps) Execute(ctx context.Context, ref record.Ref, number int, h flow.Handling) (chunk.Executed, error) {
	return s.work.Execute(ctx, chunk.Execution{Job: s.jobs[0], Ref: ref, Chunk: number, Tasks: executorFunc(s.execute), Stop: h.Stop, Released: h.Released})
}

// Release implements flow.Steps.
func (s *jobsSteps) Release(ctx context.Context, ref record.Ref, number int) ([]int, error) {
	return s.work.Release(ctx, ref, number)
}

// Finish implements flow.Steps.
func (s *jobsSteps) Finish(ctx context.Context, ref record.Ref, _ flow.Ending) ([]chunk.Unended, error) {
	summary, rest, err := s.work.Summarize(ctx, ref)
	if err != nil || len(rest) > 0 {
		return rest, err
	}
	if _, err := s.slots.End(ctx, s.jobs[0], ref, summary); err != nil {
		return nil, err
	}
	close(s.ended)
	return nil, nil
}

func measureJobs(ctx context.Context, spec childSpec) (r jobsResult, err error) {
	p, faults := project.Read(spec.Dir)
	if len(faults) > 0 {
		return r, fmt.Errorf("read the project of the benchmark: %v", faults)
	}
	err = withJobsBackends(ctx, spec.Dir, func(b jobsBackends) error {
		s := &jobsSteps{
			jobs: p.Jobs, slots: &record.Slots{Catalog: b.catalog, Now: time.Now}, ended: make(chan struct{}),
			work: &chunk.Work{Catalog: b.catalog, Objects: object.NewFolder(filepath.Join(spec.Dir, "objects")), Now: time.Now, Worker: "bench", Writes: &chunk.Writes{}},
		}
		workers := flow.NewWorkers(flow.Starter{Client: b.client}, s, flow.StopTimeout)
		if err := workers.Start(); err != nil {
			return err
		}
		defer workers.Stop()
		scheduler := flow.NewScheduler(b.client, "", false, discardLog)
		if err := scheduler.Follow(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, scheduler.Unfollow(ctx)) }()
		return r.measureSlot(ctx, b, s, scheduler, spec)
	})
	return r, err
}

// measureSlot executes a slot as `bursar job run` does where `bursar up` is running, and checks what is recorded.
func (r *jobsResult) measureSlot(ctx context.Context, b jobsBackends, s *jobsSteps, scheduler *flow.Scheduler, spec childSpec) error {
	var ref record.Ref
	err := profiled(spec.Profile, func() error {
		return r.measure(func() (err error) {
			if ref, err = s.slots.RunNow(ctx, s.jobs, s.jobs[0], time.Time{}, "bench"); err != nil {
				return err
			}
			if err := scheduler.Wake(ctx); err != nil {
				return err
			}
			select {
			case <-s.ended:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	if err != nil {
		return err
	}
	if r.Peak, err = peakMemory(); err != nil {
		return err
	}
	r.Chunks = int(s.chunks.Load())
	if r.Events, r.Bytes, err = b.history(ctx, flow.SlotWorkflowID(ref)); err != nil {
		return err
	}
	return s.check(ctx, ref, spec.Tasks)
}

// check compares the recorded outcomes with the tasks that there are.
func (s *jobsSteps) check(ctx context.Context, ref record.Ref, tasks int) error {
	ended, err := s.slots.Get(ctx, ref)
	if err != nil {
		return err
	}
	done := 0
	err = s.work.EachTask(ctx, ref, func(t *chunk.Task) error {
		if t.State == chunk.Done {
			done++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if executed := s.executed.Load(); ended.State != slot.Done || ended.Summary.Done != tasks || done != tasks || executed != int64(tasks) {
		return fmt.Errorf("the slot is %s with %+v, %d tasks are done and %d were executed, want %d", ended.State, ended.Summary, done, executed, tasks)
	}
	return nil
}
