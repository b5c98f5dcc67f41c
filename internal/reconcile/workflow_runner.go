// Starting a pipeline's workflow, and waiting for it.

package reconcile

import (
	"context"
	"fmt"
	"sync"
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
	doors  doors

	mu        sync.Mutex
	following map[string]bool // pipelines whose workflow stays
}

// NewWorkflowRunner returns a runner that starts workflows through c.
func NewWorkflowRunner(c client.Client) *WorkflowRunner { return &WorkflowRunner{client: c} }

// Run works off the backlog of a pipeline and returns how many runs that took. Every batch sealed before the call is
// in. A second call for the same pipeline waits for the first. Once ctx is done the workflow is cancelled and its step
// awaited, unless it follows; the error is then ctx's. Other errors carry the class and exit code of the step that failed.
func (r *WorkflowRunner) Run(ctx context.Context, pipeline string) (WorkflowResult, error) {
	leave, err := r.doors.enter(ctx, pipeline)
	if err != nil {
		return WorkflowResult{}, err
	}
	defer leave()
	if r.follows(pipeline) {
		return r.ask(ctx, pipeline)
	}
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

// Follow has the pipeline's workflow stay and work off every batch as it is sealed, until the process ends or Unfollow.
func (r *WorkflowRunner) Follow(ctx context.Context, pipeline string) error {
	leave, err := r.doors.enter(ctx, pipeline)
	if err != nil {
		return err
	}
	defer leave()
	in := WorkflowInput{Pipeline: pipeline, Follow: true}
	if _, err := r.client.ExecuteWorkflow(ctx, reconcileOptions(pipeline), Reconcile, in); err != nil {
		return fmt.Errorf("follow %s: %w", pipeline, temporal.Received(err))
	}
	r.setFollowing(pipeline, true)
	return nil
}

// Unfollow ends the workflow of a followed pipeline and awaits the steps under way.
func (r *WorkflowRunner) Unfollow(ctx context.Context, pipeline string) error {
	leave, err := r.doors.enter(ctx, pipeline)
	if err != nil {
		return err
	}
	defer leave()
	if !r.follows(pipeline) {
		return nil
	}
	r.setFollowing(pipeline, false)
	return r.end(ctx, pipeline)
}

// Wake tells the workflow of a followed pipeline that a batch was sealed.
func (r *WorkflowRunner) Wake(ctx context.Context, pipeline string) error {
	if !r.follows(pipeline) {
		return nil
	}
	if err := r.client.SignalWorkflow(ctx, WorkflowID(pipeline), "", SealedSignal, nil); err != nil {
		return fmt.Errorf("wake %s: %w", pipeline, temporal.Received(err))
	}
	return nil
}

func (r *WorkflowRunner) follows(pipeline string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.following[pipeline]
}

func (r *WorkflowRunner) setFollowing(pipeline string, yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.following == nil {
		r.following = map[string]bool{}
	}
	r.following[pipeline] = yes
}

// ask has a following workflow work off the backlog as it is now.
func (r *WorkflowRunner) ask(ctx context.Context, pipeline string) (all WorkflowResult, err error) {
	for {
		handle, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: WorkflowID(pipeline), UpdateName: workOffUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
		})
		var result WorkflowResult
		if err == nil {
			err = handle.Get(ctx, &result)
		}
		if err != nil && ctx.Err() != nil {
			return all, context.Cause(ctx)
		}
		all.Runs += result.Runs
		if err != nil || !result.Interrupted {
			return all, temporal.Received(err)
		}
	}
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
	if err := r.end(context.WithoutCancel(ctx), pipeline); err != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return why
}

// end cancels the pipeline's workflow and awaits the steps under way.
func (r *WorkflowRunner) end(ctx context.Context, pipeline string) error {
	grace, stop := context.WithTimeout(ctx, farewell)
	defer stop()
	if err := r.client.CancelWorkflow(grace, WorkflowID(pipeline), ""); err != nil {
		return fmt.Errorf("cancel %s: %w", WorkflowID(pipeline), temporal.Received(err))
	}
	// That it ended in an error is what was asked for; that it has not ended is not.
	err := r.client.GetWorkflow(grace, WorkflowID(pipeline), "").Get(grace, nil)
	if grace.Err() != nil {
		return fmt.Errorf("%s has not ended in %s: %w", WorkflowID(pipeline), farewell, err)
	}
	return nil
}
