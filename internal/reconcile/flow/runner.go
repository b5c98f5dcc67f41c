// Starts the workflow of a pipeline to execute its backlog, and waits for it or keeps it running.

package flow

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

// Runner executes the backlogs of pipelines through their workflows. A process has one, on the client that its workers
// use; it is safe for concurrent use. The process must have exclusive use of the project.
type Runner struct {
	// Project is the id of the project in the inputs of workflows, set before the first call. It is empty if the server is in this
	// process: then the server is not away while the runner is used.
	Project string

	client    client.Client
	log       *slog.Logger
	workflows keyed.Mutex

	mu        sync.RWMutex
	following map[string]func() // by followed pipeline: ends the restarts of its workflow
}

// NewRunner returns a runner that starts workflows through c.
func NewRunner(c client.Client, log *slog.Logger) *Runner {
	return &Runner{client: c, log: log, following: map[string]func(){}}
}

// Run executes the backlog of a pipeline and returns the number of runs. Every batch sealed before the call is included. A
// second call for the same pipeline waits for the first. If ctx is done the workflow is cancelled, unless the pipeline is
// followed, and its step awaited; the error is then that of ctx. Other errors have the class and exit code of the failed step.
func (r *Runner) Run(ctx context.Context, pipeline string) (Result, error) {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if r.follows(pipeline) {
		return r.drain(ctx, func() (Result, error) { return r.requestDrain(ctx, pipeline) })
	}
	return r.drain(ctx, func() (Result, error) { return r.start(ctx, WorkflowID(pipeline), r.newInput(pipeline, false)) })
}

// Rebuild executes the runs of the generation that a rebuild of the pipeline is making.
func (r *Runner) Rebuild(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, rebuildID(pipeline))
	if err != nil {
		return err
	}
	defer unlock()
	in := r.newInput(pipeline, false)
	in.Rebuild = true
	_, err = r.drain(ctx, func() (Result, error) { return r.start(ctx, rebuildID(pipeline), in) })
	return err
}

// drain lets a workflow execute the backlog, and repeats that if it was interrupted or ended: the catalog knows where to continue.
func (r *Runner) drain(ctx context.Context, start func() (Result, error)) (Result, error) {
	var all Result
	for tries, outages := 1, 0; ; {
		result, err := start()
		all.Runs += result.Runs
		switch {
		case err != nil && ctx.Err() != nil:
			return all, err
		case err != nil && temporal.WasTerminated(err) && tries < maxStarts:
			tries++
		case err != nil && temporal.IsOutage(err) && r.Project != "":
			outages++
			r.waitForServer(ctx, outages, err)
		case err != nil || !result.Interrupted:
			return all, temporal.FromTemporal(err)
		}
	}
}

// outageWait is the wait before a server is asked again that was away for longer than the client library waits.
var outageWait = failure.Backoff{Least: 200 * time.Millisecond, Most: 5 * time.Second}

func (r *Runner) waitForServer(ctx context.Context, outages int, err error) {
	r.log.Warn("temporal does not answer; waiting for it", "error", err)
	pause, cancel := context.WithTimeout(ctx, outageWait.After(outages))
	<-pause.Done()
	cancel()
}

// start executes the backlog with a new workflow.
func (r *Runner) start(ctx context.Context, id string, in Input) (result Result, err error) {
	run, err := r.client.ExecuteWorkflow(ctx, replaceExistingOptions(id), Reconcile, in)
	if err == nil {
		err = run.Get(ctx, &result)
	}
	if err != nil && ctx.Err() != nil {
		return Result{}, r.cancel(ctx, id)
	}
	return result, err
}

func (r *Runner) newInput(pipeline string, follow bool) Input {
	return Input{Pipeline: pipeline, Follow: follow, BySuggestion: true, Project: r.Project}
}

// replaceExistingOptions terminate an open workflow of the same id: this process holds the lock of the pipeline, so that workflow
// belongs to a process that died. Waiting for its missed heartbeats would only lose time.
func replaceExistingOptions(id string) client.StartWorkflowOptions {
	options := startOptions(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
	options.EnableEagerStart = true
	return options
}

func startOptions(id string, conflict enumspb.WorkflowIdConflictPolicy) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: TaskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WorkflowIDConflictPolicy: conflict,
	}
}

// cancel ends a workflow after ctx is done, and returns the cause.
func (r *Runner) cancel(ctx context.Context, id string) error {
	cause := context.Cause(ctx)
	if err := r.end(context.WithoutCancel(ctx), id); err != nil {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return cause
}

// end cancels a workflow and waits for its current steps. If somebody else has ended the workflow that is not an error.
func (r *Runner) end(ctx context.Context, id string) error {
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
	if _, err := r.client.ExecuteWorkflow(ctx, replaceExistingOptions(WorkflowID(pipeline)), Reconcile, r.newInput(pipeline, true)); err != nil {
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
	_, err := r.client.SignalWithStartWorkflow(ctx, WorkflowID(pipeline), SealedSignal, nil, useExistingOptions(pipeline), Reconcile, r.newInput(pipeline, true))
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
		StartWorkflowOperation: r.client.NewWithStartWorkflowOperation(useExistingOptions(pipeline), Reconcile, r.newInput(pipeline, true)),
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
