// The steps of refreshes as Temporal activities, and the workers that execute them.

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

	"bursar/internal/aggregate/account"
	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
)

const (
	// visitsPerCore bounds the visits of a process at a time: most wait for institutions.
	visitsPerCore = 16
	// stepsPerCore bounds the statements and refreshes that a process stores at a time: they are stored in groups, and wait for each other.
	stepsPerCore = 32

	// StopTimeout is how long a process waits for its visits when it stops; they are repeated elsewhere.
	StopTimeout = 10 * time.Second
)

// starter starts the workflows of accounts.
type starter interface {
	Start(ctx context.Context, r account.Refresh) error
}

type activities struct {
	steps    Steps
	starter  starter
	attempts *temporal.Attempts
}

func (a *activities) decide(ctx context.Context, in backlog.DecideInput) (out backlog.DecideResult, err error) {
	err = a.attempts.DoAlone(ctx, in.Project, decideActivity, func(ctx context.Context) error {
		d, err := a.steps.Decide(ctx)
		out = backlog.DecideResult{Started: len(d.Start), Again: d.Again}
		for _, r := range d.Start {
			err = errors.Join(err, a.starter.Start(ctx, r))
		}
		return err
	})
	return out, err
}

func (a *activities) fetch(ctx context.Context, in AccountInput) (out Fetched, err error) {
	err = a.attempts.DoAlone(ctx, in.Project, fetchActivity+" "+in.refresh().String(), func(ctx context.Context) (err error) {
		out, err = a.steps.Fetch(ctx, in.refresh())
		return err
	})
	return out, err
}

func (a *activities) process(ctx context.Context, in ProcessInput) error {
	return a.attempts.DoAlone(ctx, in.Project, fmt.Sprint(processActivity, in.Statement, " ", in.refresh()), func(ctx context.Context) error {
		return a.steps.Process(ctx, in.refresh(), in.Statement)
	})
}

func (a *activities) conclude(ctx context.Context, in ConcludeInput) error {
	return a.attempts.DoAlone(ctx, in.Project, concludeActivity+" "+in.refresh().String(), func(ctx context.Context) error {
		how := Ending{Unanswered: in.Unanswered}
		if in.Failure != nil {
			how.Err = in.Failure.Err()
		}
		return a.steps.Conclude(ctx, in.refresh(), how)
	})
}

// Starter starts and notifies the workflows of accounts. It is safe for concurrent use.
type Starter struct {
	Client  client.Client
	Project string // its id; empty if no other project reaches the server
}

// Start starts the workflow of a refresh that has begun; one that runs for the account stays as it is. It may be that of an earlier refresh, which is
// about to end: whoever awaits a refresh starts it again until it goes on.
func (s Starter) Start(ctx context.Context, r account.Refresh) error {
	o := client.StartWorkflowOptions{
		ID: AccountWorkflowID(r.Ref), TaskQueue: TaskQueue, Memo: temporal.Memo(s.Project),
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
	in := AccountInput{Institution: r.Institution, Account: r.Account, Refresh: r.Number, Project: s.Project}
	if _, err := s.Client.ExecuteWorkflow(ctx, o, Account, in); err != nil {
		return fmt.Errorf("start the refresh of %s: %w", r, temporal.FromTemporal(err))
	}
	return nil
}

// Notify notifies the refresh of an account that a person has answered, or set new credentials. One that has ended needs no notification.
func (s Starter) Notify(ctx context.Context, ref account.Ref) error {
	err := s.Client.SignalWorkflow(ctx, AccountWorkflowID(ref), "", personSignal, nil)
	if err == nil || errors.As(err, new(*serviceerror.NotFound)) {
		return nil
	}
	return fmt.Errorf("notify the refresh of %s: %w", ref, temporal.FromTemporal(err))
}

// Workers execute the workflows of aggregation and their activities: one visits institutions, the other does everything else.
type Workers struct{ visits, stores worker.Worker }

// NewWorkers returns the workers of the role aggregate. The caller starts them before anything is started, and stops them before the client closes.
func NewWorkers(s Starter, steps Steps) *Workers {
	a := &activities{steps: steps, starter: s, attempts: &temporal.Attempts{Project: s.Project}}
	cores := max(runtime.GOMAXPROCS(0), 2)
	o := temporal.WorkerOptions()
	o.MaxConcurrentLocalActivityExecutionSize = stepsPerCore * cores
	o.MaxConcurrentWorkflowTaskPollers, o.MaxConcurrentActivityTaskPollers = 4, 4
	o.WorkerStopTimeout = StopTimeout
	w := &Workers{stores: worker.New(s.Client, TaskQueue, o)}
	o.DisableWorkflowWorker = true
	o.MaxConcurrentActivityExecutionSize = visitsPerCore * cores
	w.visits = worker.New(s.Client, FetchQueue, o)
	registerStoring(w.stores, a)
	registerVisiting(w.visits, a)
	return w
}

// Start starts the workers.
func (w *Workers) Start() error { return temporal.StartWorkers(w.stores, w.visits) }

// Stop stops the workers, those that visit institutions first. release is called in between: nothing is sent to an institution any more, and its
// workflow still answers.
func (w *Workers) Stop(release func()) {
	w.visits.Stop()
	release()
	w.stores.Stop()
}

// registry is implemented by a worker and by a test environment.
type registry interface {
	RegisterWorkflow(w any)
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

func registerStoring(r registry, a *activities) {
	r.RegisterWorkflow(Schedule)
	r.RegisterWorkflow(Account)
	r.RegisterWorkflow(Institution)
	r.RegisterActivityWithOptions(a.decide, activity.RegisterOptions{Name: decideActivity})
	r.RegisterActivityWithOptions(a.process, activity.RegisterOptions{Name: processActivity})
	r.RegisterActivityWithOptions(a.conclude, activity.RegisterOptions{Name: concludeActivity})
}

func registerVisiting(r registry, a *activities) {
	r.RegisterActivityWithOptions(a.fetch, activity.RegisterOptions{Name: fetchActivity})
}
