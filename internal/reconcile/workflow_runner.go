// Working a pipeline off: starting its workflow, and waiting for it.

package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/keyed"
	"bursar/internal/temporal"
)

const (
	// farewell is how long a cancelled workflow may take to end its step.
	farewell = 15 * time.Second
	// mostStarts is how often a workflow is started for one call, when somebody else ends it.
	mostStarts = 5
)

// WorkflowRunner works pipelines off through their workflows. A process has one, on the client its worker uses; it is
// safe for concurrent use, and the process has the project for itself.
type WorkflowRunner struct {
	client    client.Client
	log       *slog.Logger
	workflows keyed.Mutex

	mu        sync.RWMutex
	following map[string]*keeper // pipelines whose workflow stays
}

// NewWorkflowRunner returns a runner that starts workflows through c.
func NewWorkflowRunner(c client.Client, log *slog.Logger) *WorkflowRunner {
	return &WorkflowRunner{client: c, log: log, following: map[string]*keeper{}}
}

// Run works off the backlog of a pipeline and returns how many runs that took. Every batch sealed before the call is
// in. A second call for the same pipeline waits for the first. Once ctx is done the workflow is cancelled and its step
// awaited, unless it follows; the error is then ctx's. Other errors carry the class and exit code of the step that failed.
func (r *WorkflowRunner) Run(ctx context.Context, pipeline string) (WorkflowResult, error) {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return WorkflowResult{}, err
	}
	defer unlock()
	if r.follows(pipeline) {
		return r.workOff(ctx, func() (WorkflowResult, error) { return r.ask(ctx, pipeline) })
	}
	return r.workOff(ctx, func() (WorkflowResult, error) { return r.start(ctx, WorkflowID(pipeline), newInput(pipeline, false)) })
}

// Rebuild works off the generation that a rebuild of the pipeline is making, as Run does a backlog.
func (r *WorkflowRunner) Rebuild(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, rebuildID(pipeline))
	if err != nil {
		return err
	}
	defer unlock()
	in := newInput(pipeline, false)
	in.Rebuild = true
	_, err = r.workOff(ctx, func() (WorkflowResult, error) { return r.start(ctx, rebuildID(pipeline), in) })
	return err
}

// workOff has a workflow do its work, again if it was interrupted or somebody ended it: the catalog says where to go on.
func (r *WorkflowRunner) workOff(ctx context.Context, work func() (WorkflowResult, error)) (WorkflowResult, error) {
	var all WorkflowResult
	for tries := 1; ; {
		result, err := work()
		all.Runs += result.Runs
		switch {
		case err != nil && ctx.Err() != nil:
			return all, err
		case err != nil && temporal.WasTerminated(err) && tries < mostStarts:
			tries++
		case err != nil || !result.Interrupted:
			return all, temporal.FromTemporal(err)
		}
	}
}

// start has a new workflow work off the backlog.
func (r *WorkflowRunner) start(ctx context.Context, id string, in WorkflowInput) (result WorkflowResult, err error) {
	run, err := r.client.ExecuteWorkflow(ctx, reconcileOptions(id), Reconcile, in)
	if err == nil {
		err = run.Get(ctx, &result)
	}
	if err != nil && ctx.Err() != nil {
		return WorkflowResult{}, r.cancel(ctx, id)
	}
	return result, err
}

func newInput(pipeline string, follow bool) WorkflowInput {
	return WorkflowInput{Pipeline: pipeline, Follow: follow, BySuggestion: true}
}

// reconcileOptions replace what is open under the same id: within this process the lane is free, so it belongs to a
// process that died, and waiting for its heartbeats to be missed would be time lost.
func reconcileOptions(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
		EnableEagerStart:         true,
	}
}

// cancel ends a workflow after ctx, and returns why.
func (r *WorkflowRunner) cancel(ctx context.Context, id string) error {
	why := context.Cause(ctx)
	if err := r.end(context.WithoutCancel(ctx), id); err != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return why
}

// end cancels a workflow and awaits the steps under way. One that somebody else has ended is no error.
func (r *WorkflowRunner) end(ctx context.Context, id string) error {
	grace, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	if err := r.client.CancelWorkflow(grace, id, ""); temporal.WasTerminated(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("cancel %s: %w", id, temporal.FromTemporal(err))
	}
	// That it ended in an error is what was asked for; that it has not ended is not.
	err := r.client.GetWorkflow(grace, id, "").Get(grace, nil)
	if grace.Err() != nil {
		return fmt.Errorf("%s has not ended in %s: %w", id, farewell, err)
	}
	return nil
}
