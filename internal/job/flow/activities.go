// The steps of slots as Temporal activities, and the workers that execute them.

package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"bursar/internal/failure"
	"bursar/internal/job/record"
	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
)

const (
	// tasksPerCore bounds the tasks that a process executes at a time: most wait for programs and servers.
	tasksPerCore = 16

	// StopTimeout is how long a process that has the project to itself waits for its tasks when it stops; the next process executes them again.
	StopTimeout = 10 * time.Second
	// SharedStopTimeout is that of a process that shares the project. No more tasks begin meanwhile.
	SharedStopTimeout = 10 * time.Minute
)

// slotStarter starts, cancels and notifies the workflows of slots.
type slotStarter interface {
	Start(ctx context.Context, ref record.Ref) error
	cancel(ctx context.Context, ref record.Ref) error
	released(ctx context.Context, ref record.Ref, chunk int) error
	wake(ctx context.Context) error
}

type activities struct {
	steps    Steps
	starter  slotStarter
	attempts *temporal.Attempts
}

func (a *activities) decide(ctx context.Context, in backlog.DecideInput) (out backlog.DecideResult, err error) {
	err = a.attempts.DoAlone(ctx, in.Project, decideActivity, func(ctx context.Context) error {
		d, err := a.steps.Decide(ctx)
		if err != nil {
			return err
		}
		out = backlog.DecideResult{Started: len(d.Start), Again: d.Again}
		for _, ref := range d.Start {
			err = errors.Join(err, a.starter.Start(ctx, ref))
		}
		for _, ref := range d.Cancel {
			err = errors.Join(err, a.starter.cancel(ctx, ref))
		}
		return err
	})
	return out, err
}

func (a *activities) divide(ctx context.Context, in DivideInput) (out Division, err error) {
	err = a.withSlot(ctx, in.Project, divideActivity, in.Slot, func(ctx context.Context, ref record.Ref) error {
		out, err = a.steps.Divide(ctx, ref)
		return err
	})
	return out, err
}

func (a *activities) finish(ctx context.Context, in FinishInput) (out FinishResult, err error) {
	err = a.withSlot(ctx, in.Project, finishActivity, in.Slot, func(ctx context.Context, ref record.Ref) error {
		how := Ending{Cancelled: in.Cancelled}
		if in.Failure != nil {
			how.Err = in.Failure.Err()
		}
		out.Rest, err = a.steps.Finish(ctx, ref, how)
		if err == nil && len(out.Rest) == 0 {
			_ = a.starter.wake(ctx) // else it looks within a minute
		}
		return err
	})
	return out, err
}

// withSlot calls fn with the reference of a slot. In this process it waits for an earlier attempt at the same step.
func (a *activities) withSlot(ctx context.Context, project, step, slot string, fn func(context.Context, record.Ref) error) error {
	return a.attempts.DoAlone(ctx, project, step+" "+slot, func(ctx context.Context) error {
		ref, err := record.ParseRef(slot)
		if err != nil {
			return failure.Wrap(failure.Bug, fmt.Errorf("read the reference of a slot: %w", err))
		}
		return fn(ctx, ref)
	})
}

// Starter starts, cancels and notifies the workflows of slots. It is safe for concurrent use.
type Starter struct {
	Client  client.Client
	Project string // its id; empty if no other project reaches the server
}

// Start executes a slot that is recorded as running; one that is executed already stays as it is.
func (s Starter) Start(ctx context.Context, ref record.Ref) error {
	o := client.StartWorkflowOptions{
		ID: SlotWorkflowID(ref), TaskQueue: TaskQueue, Memo: temporal.Memo(s.Project),
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
	if _, err := s.Client.ExecuteWorkflow(ctx, o, Slot, SlotInput{Slot: ref.String(), Project: s.Project}); err != nil {
		return fmt.Errorf("start %s: %w", ref, temporal.FromTemporal(err))
	}
	return nil
}

// cancel asks the workflow of a slot to end; one that has ended stays so.
func (s Starter) cancel(ctx context.Context, ref record.Ref) error {
	err := s.Client.CancelWorkflow(ctx, SlotWorkflowID(ref), "")
	if isGone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", ref, temporal.FromTemporal(err))
	}
	return nil
}

func (s Starter) released(ctx context.Context, ref record.Ref, number int) error {
	return s.Client.SignalWorkflow(ctx, SlotWorkflowID(ref), "", releasedSignal, number)
}

func (s Starter) wake(ctx context.Context) error {
	err := s.Client.SignalWorkflow(ctx, ScheduleWorkflowID, "", WakeSignal, nil)
	if isGone(err) {
		return nil // nobody follows the schedules
	}
	return err
}

func isGone(err error) bool { return errors.As(err, new(*serviceerror.NotFound)) }

// Workers execute the workflows of a project and their activities: one decides, the other executes tasks.
type Workers struct{ decides, executes worker.Worker }

// NewWorkers returns the workers of the role job. Stop waits up to stopTimeout for tasks that are executed, and begins no more. The caller
// starts them before anything is started, and stops them before the client closes.
func NewWorkers(s Starter, steps Steps, stopTimeout time.Duration) *Workers {
	a := &activities{steps: steps, starter: s, attempts: &temporal.Attempts{Project: s.Project}}
	o := temporal.WorkerOptions()
	o.MaxConcurrentWorkflowTaskPollers = 2
	o.MaxConcurrentActivityTaskPollers = 2
	o.WorkerStopTimeout = StopTimeout
	w := &Workers{decides: worker.New(s.Client, TaskQueue, o)}
	o.DisableWorkflowWorker = true
	o.MaxConcurrentActivityTaskPollers = 4
	o.MaxConcurrentActivityExecutionSize = tasksPerCore * max(runtime.GOMAXPROCS(0), 2)
	o.WorkerStopTimeout = stopTimeout
	w.executes = worker.New(s.Client, TasksQueue, o)
	registerDeciding(w.decides, a)
	registerExecuting(w.executes, a)
	return w
}

// Start starts the workers.
func (w *Workers) Start() error { return temporal.StartWorkers(w.decides, w.executes) }

// Stop stops the workers, those of tasks first.
func (w *Workers) Stop() {
	w.executes.Stop()
	w.decides.Stop()
}

// registry is implemented by a worker and by a test environment.
type registry interface {
	RegisterWorkflow(w any)
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

func registerDeciding(r registry, a *activities) {
	r.RegisterWorkflow(Schedule)
	r.RegisterWorkflow(Slot)
	r.RegisterActivityWithOptions(a.decide, activity.RegisterOptions{Name: decideActivity})
	r.RegisterActivityWithOptions(a.divide, activity.RegisterOptions{Name: divideActivity})
	r.RegisterActivityWithOptions(a.finish, activity.RegisterOptions{Name: finishActivity})
}

func registerExecuting(r registry, a *activities) {
	r.RegisterActivityWithOptions(a.execute, activity.RegisterOptions{Name: executeActivity})
}
