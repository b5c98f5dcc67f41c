// Following a pipeline: its workflow stays, and is restarted whenever it ends.

package flow

import (
	"context"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/temporal"
)

const (
	// wakeTimeout bounds one call that wakes a workflow: Unfollow waits for it.
	wakeTimeout = 10 * time.Second
	// A workflow that has ended is restarted after firstRestart, later each time, up to maxRestart. One that has run for that
	// long counts as healthy.
	firstRestart, maxRestart = time.Second, time.Minute
)

// Follow makes the pipeline's workflow stay and execute every batch as it is sealed, until the process ends or Unfollow. A
// workflow that is terminated, cancelled or fails is restarted.
func (r *Runner) Follow(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := r.client.ExecuteWorkflow(ctx, replaceExistingOptions(WorkflowID(pipeline)), Reconcile, newInput(pipeline, true)); err != nil {
		return fmt.Errorf("follow %s: %w", pipeline, temporal.FromTemporal(err))
	}
	restartCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var restarts sync.WaitGroup
	restarts.Go(func() { r.restartLoop(restartCtx, pipeline) })
	r.mu.Lock()
	r.following[pipeline] = func() { stop(); restarts.Wait() }
	r.mu.Unlock()
	return nil
}

// Unfollow ends the workflow of a followed pipeline and awaits the steps under way.
func (r *Runner) Unfollow(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return err
	}
	defer unlock()
	r.mu.Lock() // after this the workflow is not restarted
	stopRestarts := r.following[pipeline]
	delete(r.following, pipeline)
	r.mu.Unlock()
	if stopRestarts == nil {
		return nil
	}
	stopRestarts()
	return r.end(ctx, WorkflowID(pipeline))
}

// Wake notifies the workflow of a followed pipeline that a batch was sealed. If the workflow has ended it is started.
func (r *Runner) Wake(ctx context.Context, pipeline string) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.following[pipeline] == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	_, err := r.client.SignalWithStartWorkflow(ctx, WorkflowID(pipeline), SealedSignal, nil, useExistingOptions(pipeline), Reconcile, newInput(pipeline, true))
	if err != nil {
		return fmt.Errorf("wake %s: %w", pipeline, temporal.FromTemporal(err))
	}
	return nil
}

// restartLoop restarts the workflow whenever it has ended, until ctx is done.
func (r *Runner) restartLoop(ctx context.Context, pipeline string) {
	wait := firstRestart
	for {
		healthy, cancel := context.WithTimeout(ctx, maxRestart)
		ended := r.client.GetWorkflow(ctx, WorkflowID(pipeline), "").Get(ctx, nil)
		if healthy.Err() != nil {
			wait = firstRestart
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		if temporal.HasEnded(ended) {
			err := r.Wake(ctx, pipeline)
			if ctx.Err() != nil {
				return
			}
			r.log.Warn("the workflow of a pipeline has ended; restarting", "pipeline", pipeline, "ended", temporal.FromTemporal(ended), "error", err)
		}
		pause, cancel := context.WithTimeout(ctx, wait)
		<-pause.Done()
		cancel()
		wait = min(2*wait, maxRestart)
	}
}

func (r *Runner) follows(pipeline string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.following[pipeline] != nil
}

// requestDrain requests that a following workflow executes its current backlog, and starts the workflow if it has ended.
func (r *Runner) requestDrain(ctx context.Context, pipeline string) (result Result, err error) {
	handle, err := r.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: r.client.NewWithStartWorkflowOperation(useExistingOptions(pipeline), Reconcile, newInput(pipeline, true)),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: WorkflowID(pipeline), UpdateName: drainUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
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

// useExistingOptions keep an open workflow of the same id.
func useExistingOptions(pipeline string) client.StartWorkflowOptions {
	return startOptions(WorkflowID(pipeline), enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
}
