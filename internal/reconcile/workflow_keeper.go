// Following a pipeline: its workflow stays, and is started again whatever ends it.

package reconcile

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/temporal"
)

const (
	// wakeTime bounds one call that wakes a workflow: who stops following waits for it.
	wakeTime = 10 * time.Second
	// A workflow that ends by itself is started again after firstRestart, and later each time, up to longestRestart; one that has
	// lived for that long counts as sound.
	firstRestart, longestRestart = time.Second, time.Minute
)

// keeper starts the workflow of one pipeline again when it has ended.
type keeper struct {
	stop context.CancelFunc
	done chan struct{}
}

// Follow has the pipeline's workflow stay and work off every batch as it is sealed, until the process ends or Unfollow. When
// the workflow is terminated, cancelled or fails it is started again.
func (r *WorkflowRunner) Follow(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := r.client.ExecuteWorkflow(ctx, reconcileOptions(WorkflowID(pipeline)), Reconcile, newInput(pipeline, true)); err != nil {
		return fmt.Errorf("follow %s: %w", pipeline, temporal.FromTemporal(err))
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &keeper{stop: stop, done: make(chan struct{})}
	r.mu.Lock()
	r.following[pipeline] = k
	r.mu.Unlock()
	go func() {
		defer close(k.done)
		r.keep(keeping, pipeline)
	}()
	return nil
}

// Unfollow ends the workflow of a followed pipeline and awaits the steps under way.
func (r *WorkflowRunner) Unfollow(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return err
	}
	defer unlock()
	r.mu.Lock() // after this nothing starts the workflow again
	k := r.following[pipeline]
	delete(r.following, pipeline)
	r.mu.Unlock()
	if k == nil {
		return nil
	}
	k.stop()
	<-k.done
	return r.end(ctx, WorkflowID(pipeline))
}

// Wake reports to the workflow of a followed pipeline that a batch was sealed. A workflow that has ended is started.
func (r *WorkflowRunner) Wake(ctx context.Context, pipeline string) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.following[pipeline] == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTime)
	defer cancel()
	_, err := r.client.SignalWithStartWorkflow(ctx, WorkflowID(pipeline), SealedSignal, nil, joinOptions(pipeline), Reconcile, newInput(pipeline, true))
	if err != nil {
		return fmt.Errorf("wake %s: %w", pipeline, temporal.FromTemporal(err))
	}
	return nil
}

// keep starts the workflow again each time it has ended, until ctx does.
func (r *WorkflowRunner) keep(ctx context.Context, pipeline string) {
	wait := firstRestart
	for {
		lives, cancel := context.WithTimeout(ctx, longestRestart)
		ended := r.client.GetWorkflow(ctx, WorkflowID(pipeline), "").Get(ctx, nil)
		if lives.Err() != nil {
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
			r.log.Warn("the workflow of a pipeline had ended and is started again", "pipeline", pipeline, "ended", temporal.FromTemporal(ended), "error", err)
		}
		pause, cancel := context.WithTimeout(ctx, wait)
		<-pause.Done()
		cancel()
		wait = min(2*wait, longestRestart)
	}
}

func (r *WorkflowRunner) follows(pipeline string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.following[pipeline] != nil
}

// ask has a following workflow work off the backlog as it is now, and starts the workflow if it has ended.
func (r *WorkflowRunner) ask(ctx context.Context, pipeline string) (result WorkflowResult, err error) {
	handle, err := r.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: r.client.NewWithStartWorkflowOperation(joinOptions(pipeline), Reconcile, newInput(pipeline, true)),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: WorkflowID(pipeline), UpdateName: workOffUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
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

// joinOptions leave what is open under the same id as it is.
func joinOptions(pipeline string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       WorkflowID(pipeline),
		TaskQueue:                TaskQueue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
}
