// Starting a pipeline's workflow, and waiting for it.

package reconcile

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/temporal"
)

// farewell is how long a cancelled workflow may take to end its step.
const farewell = 15 * time.Second

// WorkflowRunner works pipelines off through their workflows. A process has one, on the client its worker uses; it is
// safe for concurrent use, and the process has the project for itself.
type WorkflowRunner struct {
	client client.Client
	lanes  lanes
}

// NewWorkflowRunner returns a runner that starts workflows through c.
func NewWorkflowRunner(c client.Client) *WorkflowRunner { return &WorkflowRunner{client: c} }

// Run works off the backlog of a pipeline and returns how many runs that took. Every batch sealed before the call is
// in. A second call for the same pipeline waits for the first. Once ctx is done the workflow is cancelled and its step
// awaited; the error is then ctx's. Other errors carry the class and exit code of the step that failed.
func (r *WorkflowRunner) Run(ctx context.Context, pipeline string) (WorkflowResult, error) {
	leave, err := r.lanes.enter(ctx, pipeline)
	if err != nil {
		return WorkflowResult{}, err
	}
	defer leave()
	var result WorkflowResult
	run, err := r.client.ExecuteWorkflow(ctx, reconcileOptions(pipeline), Reconcile, WorkflowInput{Pipeline: pipeline})
	if err == nil {
		err = run.Get(ctx, &result)
	}
	if err != nil && ctx.Err() != nil {
		return WorkflowResult{}, r.cancel(ctx, pipeline)
	}
	return result, temporal.Received(err)
}

// reconcileOptions replace what is open under the same id: within this process the lane is free, so it belongs to a
// process that died, and waiting for its heartbeats to be missed would be time lost.
func reconcileOptions(pipeline string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       WorkflowID(pipeline),
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
		EnableEagerStart:         true,
	}
}

// cancel ends the pipeline's workflow after ctx, and returns why.
func (r *WorkflowRunner) cancel(ctx context.Context, pipeline string) error {
	why := context.Cause(ctx)
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	if err := r.client.CancelWorkflow(grace, WorkflowID(pipeline), ""); err != nil {
		return fmt.Errorf("%w (cancel %s: %w)", why, WorkflowID(pipeline), temporal.Received(err))
	}
	// That it ended in an error is what was asked for; that it has not ended is not.
	err := r.client.GetWorkflow(grace, WorkflowID(pipeline), "").Get(grace, nil)
	if grace.Err() != nil {
		return fmt.Errorf("%w (%s has not ended in %s: %w)", why, WorkflowID(pipeline), farewell, err)
	}
	return why
}
