// Starts a workflow to work off its backlog, and waits for it.

package backlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"bursar/internal/failure"
	"bursar/internal/keyed"
	"bursar/internal/temporal"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

const (
	// cancelTimeout is how long a cancelled workflow may take to end its step.
	cancelTimeout = 15 * time.Second
	// maxStarts is how often one call starts a workflow that somebody else keeps ending.
	maxStarts = 5
)

// Kind is what the workflows of a Runner have in common.
type Kind struct {
	Queue    string // the task queue
	Function any    // the workflow
	Names    Names
}

// Workflow names one workflow.
type Workflow[In any] struct {
	ID      string
	Project string // the id of the project; empty if no other project reaches the server
	// Input returns the input of an execution. With follow it stays when there is nothing to do.
	Input   func(follow bool) In
	Request []any // the arguments of a request to an execution that is open
}

// Result is what a workflow, or a request to one, has done.
type Result[R any] interface {
	Plus(next R) R // what both have done
	// IsInterrupted reports that there may be more to do: the execution continued as new.
	IsInterrupted() bool
}

// Runner works off backlogs through their workflows. A process has one of each kind, on the client that its workers use; it is safe for
// concurrent use.
type Runner[In any, R Result[R]] struct {
	kind      Kind
	client    client.Client
	log       *slog.Logger
	shared    bool // other processes have runners for the same workflows
	workflows keyed.Mutex
	warnings  failure.Warnings // about a server that is away, by workflow

	mu        sync.RWMutex
	following map[string]func() // by id of a followed workflow: ends its restarts
}

// NewRunner returns a runner of a process that has exclusive use of the project: an open workflow that it did not start belongs to a
// process that died, and is replaced. If other processes share the project, it joins an open workflow, and never ends one.
func NewRunner[In any, R Result[R]](kind Kind, c client.Client, shared bool, log *slog.Logger) *Runner[In, R] {
	return &Runner[In, R]{kind: kind, client: c, log: log, shared: shared, following: map[string]func(){}}
}

// IsShared reports whether other processes execute the workflows, too.
func (r *Runner[In, R]) IsShared() bool { return r.shared }

// Run works off the backlog, and returns what was done for that. Everything that was there before the call is included. Errors have
// the class and exit code of the failed step, or are that of ctx.
//
// With exclusive use a second call for the same workflow waits for the first, and if ctx is done the workflow is cancelled, unless it is
// followed, and its step awaited. A workflow that is shared goes on, executed by whoever has workers, now or later.
func (r *Runner[In, R]) Run(ctx context.Context, w Workflow[In]) (R, error) {
	if r.shared {
		return r.join(ctx, w)
	}
	unlock, err := r.workflows.Lock(ctx, w.ID)
	if err != nil {
		var none R
		return none, err
	}
	defer unlock()
	if r.follows(w.ID) {
		return r.join(ctx, w)
	}
	return r.drain(ctx, &w, func() (R, error) { return r.start(ctx, &w) })
}

// join works off the backlog with the open workflow, or a new one if there is none.
func (r *Runner[In, R]) join(ctx context.Context, w Workflow[In]) (R, error) {
	follow := r.follows(w.ID)
	return r.drain(ctx, &w, func() (R, error) { return r.requestDrain(ctx, &w, follow) })
}

// drain lets a workflow work off the backlog, and repeats that if it was interrupted or ended: the records of what is done say where
// to continue.
func (r *Runner[In, R]) drain(ctx context.Context, w *Workflow[In], start func() (R, error)) (R, error) {
	var all R
	for tries, outages := 1, 0; ; {
		result, err := start()
		all = all.Plus(result)
		switch {
		case err != nil && ctx.Err() != nil:
			return all, err
		case err != nil && temporal.WasTerminated(err) && tries < maxStarts:
			tries++
		case err != nil && temporal.IsOutage(err) && w.Project != "":
			outages++
			r.waitForServer(ctx, w.ID, outages, err)
		case err != nil || !result.IsInterrupted():
			return all, temporal.FromTemporal(err)
		}
	}
}

// outageWait is the wait before a server is asked again that was away for longer than the client library waits.
var outageWait = failure.Backoff{Least: 200 * time.Millisecond, Most: 5 * time.Second}

func (r *Runner[In, R]) waitForServer(ctx context.Context, id string, outages int, err error) {
	r.log.Info("a call waits for temporal", "workflow", id, "error", err)
	pause, cancel := context.WithTimeout(ctx, outageWait.After(outages))
	<-pause.Done()
	cancel()
}

// start works off the backlog with a new workflow.
func (r *Runner[In, R]) start(ctx context.Context, w *Workflow[In]) (result R, err error) {
	if err := temporal.CheckProject(ctx, r.client, w.ID, w.Project); err != nil {
		return result, err
	}
	run, err := r.client.ExecuteWorkflow(ctx, r.replaceExistingOptions(w), r.kind.Function, w.Input(false))
	if err == nil {
		err = run.Get(ctx, &result)
	}
	if err != nil && ctx.Err() != nil {
		var none R
		return none, r.cancel(ctx, w.ID)
	}
	return result, err
}

// requestDrain requests that an open workflow works off its current backlog, and starts the workflow if it has ended.
func (r *Runner[In, R]) requestDrain(ctx context.Context, w *Workflow[In], follow bool) (result R, err error) {
	if err := temporal.CheckProject(ctx, r.client, w.ID, w.Project); err != nil {
		return result, err
	}
	handle, err := r.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: r.client.NewWithStartWorkflowOperation(r.useExistingOptions(w), r.kind.Function, w.Input(follow)),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: w.ID, UpdateName: r.kind.Names.Drain, WaitForStage: client.WorkflowUpdateStageAccepted, Args: w.Request,
		},
	})
	if err == nil {
		err = handle.Get(ctx, &result)
	}
	if err != nil && ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	return result, err
}

// replaceExistingOptions terminate an open workflow of the same id: this process holds the lock of the workflow, so an open one
// belongs to a process that died. Waiting for its missed heartbeats would only lose time.
func (r *Runner[In, R]) replaceExistingOptions(w *Workflow[In]) client.StartWorkflowOptions {
	options := r.startOptions(w, enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
	options.EnableEagerStart = true
	return options
}

// useExistingOptions keep an open workflow of the same id.
func (r *Runner[In, R]) useExistingOptions(w *Workflow[In]) client.StartWorkflowOptions {
	return r.startOptions(w, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
}

func (r *Runner[In, R]) startOptions(w *Workflow[In], conflict enumspb.WorkflowIdConflictPolicy) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: w.ID, TaskQueue: r.kind.Queue, Memo: temporal.Memo(w.Project),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WorkflowIDConflictPolicy: conflict,
	}
}

// cancel ends a workflow after ctx is done, and returns the cause.
func (r *Runner[In, R]) cancel(ctx context.Context, id string) error {
	cause := context.Cause(ctx)
	if err := r.end(context.WithoutCancel(ctx), id); err != nil {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return cause
}

// end cancels a workflow and waits for its current steps. If somebody else has ended the workflow that is not an error.
func (r *Runner[In, R]) end(ctx context.Context, id string) error {
	grace, stop := context.WithTimeout(ctx, cancelTimeout)
	defer stop()
	if err := r.client.CancelWorkflow(grace, id, ""); temporal.WasTerminated(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("cancel %s: %w", id, temporal.FromTemporal(err))
	}
	// An error as its result is expected after a cancellation; only a workflow that does not end is a problem.
	err := r.client.GetWorkflow(grace, id, "").Get(grace, nil)
	if grace.Err() != nil {
		return fmt.Errorf("%s has not ended in %s: %w", id, cancelTimeout, err)
	}
	return nil
}
