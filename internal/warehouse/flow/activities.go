// Publishing as Temporal activities, and the worker that executes them.

package flow

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"bursar/internal/temporal"
	"bursar/internal/warehouse/publish"
)

// maxConcurrent bounds the activities that a process executes at a time. The workflow waits for each of its own, and writes into the
// warehouse take turns; the others are attempts that were given up and still hang.
const maxConcurrent = 4

const (
	// StopTimeout is how long the worker of a process that has the project to itself waits for a transaction when it stops: the next process
	// starts it again anyway.
	StopTimeout = 5 * time.Second
	// SharedStopTimeout is that of a process that shares the project: a transaction that ends is not executed again elsewhere.
	SharedStopTimeout = 10 * time.Minute
)

type activities struct {
	tables    Tables
	scheduled Scheduled
	attempts  *temporal.Attempts // alone by table, or by scheduled task
}

func newActivities(tables Tables, scheduled Scheduled, project string) *activities {
	return &activities{tables: tables, scheduled: scheduled, attempts: &temporal.Attempts{Project: project}}
}

func (a *activities) behind(ctx context.Context, in BehindInput) (out BehindResult, err error) {
	err = a.attempts.Do(ctx, in.Project, func(ctx context.Context) error {
		out.Tables, err = a.tables.Behind(ctx, in.Refused)
		return err
	})
	return out, err
}

func (a *activities) publish(ctx context.Context, in PublishInput) (out publish.Result, err error) {
	err = a.attempts.DoAlone(ctx, in.Project, in.Table, func(ctx context.Context) error {
		if in.Again {
			out, err = a.tables.Again(ctx, in.Table)
		} else {
			out, err = a.tables.Publish(ctx, in.Table)
		}
		return err
	})
	return out, err
}

func (a *activities) due(ctx context.Context, in DueInput) (out DueResult, err error) {
	err = a.attempts.Do(ctx, in.Project, func(ctx context.Context) error {
		out.Tasks, out.Again, err = a.scheduled.Due(ctx)
		return err
	})
	return out, err
}

func (a *activities) execute(ctx context.Context, in ExecuteInput) error {
	return a.attempts.DoAlone(ctx, in.Project, "scheduled "+in.Task, func(ctx context.Context) error { return a.scheduled.Execute(ctx, in.Task) })
}

// NewWorker returns the worker of the role warehouse. It executes the workflows of a project, whose id is as in Input, and their
// activities, by calling tables and scheduled. Stop waits up to stopTimeout for the transactions that are executing before it cancels them. The caller
// starts it before the first call of the runner, and stops it before the client closes.
func NewWorker(c client.Client, tables Tables, scheduled Scheduled, stopTimeout time.Duration, project string) worker.Worker {
	o := temporal.WorkerOptions()
	o.MaxConcurrentWorkflowTaskPollers = 2
	o.MaxConcurrentActivityTaskPollers = 1
	o.MaxConcurrentActivityExecutionSize = maxConcurrent
	o.WorkerStopTimeout = stopTimeout
	w := worker.New(c, TaskQueue, o)
	register(w, newActivities(tables, scheduled, project))
	return w
}

// registry is implemented by a worker and by a test environment.
type registry interface {
	RegisterWorkflow(w any)
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

func register(r registry, a *activities) {
	r.RegisterWorkflow(Publish)
	r.RegisterWorkflow(Schedule)
	r.RegisterActivityWithOptions(a.behind, activity.RegisterOptions{Name: behindActivity})
	r.RegisterActivityWithOptions(a.publish, activity.RegisterOptions{Name: publishActivity})
	r.RegisterActivityWithOptions(a.due, activity.RegisterOptions{Name: dueActivity})
	r.RegisterActivityWithOptions(a.execute, activity.RegisterOptions{Name: executeActivity})
}
