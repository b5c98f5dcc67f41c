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
// use; it is safe for concurrent use.
type Runner struct {
	// Project is the id of the project in the inputs of workflows, set before the first call. It is empty if the server is in this
	// process: then the server is not away while the runner is used.
	Project string

	client    client.Client
	log       *slog.Logger
	shared    bool // other processes have runners for the same workflows
	workflows keyed.Mutex
	warnings  failure.Warnings // about a server that is away, by pipeline

	mu        sync.RWMutex
	following map[string]func() // by followed pipeline: ends the restarts of its workflow
}

// NewRunner returns a runner of a process that has exclusive use of the project: an open workflow that it did not start belongs to a
// process that died, and is replaced.
func NewRunner(c client.Client, log *slog.Logger) *Runner {
	return &Runner{client: c, log: log, following: map[string]func(){}}
}

// NewSharedRunner returns a runner of a process that shares the project with others: it joins an open workflow, and never ends one.
func NewSharedRunner(c client.Client, log *slog.Logger) *Runner {
	return &Runner{client: c, log: log, shared: true, following: map[string]func(){}}
}

// IsShared reports whether other processes execute the workflows, too.
func (r *Runner) IsShared() bool { return r.shared }

// Run executes the backlog of a pipeline and returns the number of runs. Every batch sealed before the call is included. Errors
// have the class and exit code of the failed step, or are that of ctx.
//
// With exclusive use a second call for the same pipeline waits for the first, and if ctx is done the workflow is cancelled, unless the
// pipeline is followed, and its step awaited. A workflow that is shared goes on, executed by whoever has workers, now or later.
func (r *Runner) Run(ctx context.Context, pipeline string) (Result, error) {
	if r.shared {
		return r.join(ctx, WorkflowID(pipeline), r.newInput(pipeline, r.follows(pipeline)))
	}
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if r.follows(pipeline) {
		return r.join(ctx, WorkflowID(pipeline), r.newInput(pipeline, true))
	}
	return r.drain(ctx, func() (Result, error) {
		return r.start(ctx, WorkflowID(pipeline), r.newInput(pipeline, false))
	})
}

// Rebuild executes the runs of the generation that a rebuild of the pipeline is making. If processes share the project, all rebuilds of
// the pipeline have one workflow.
func (r *Runner) Rebuild(ctx context.Context, pipeline string) error {
	in := r.newInput(pipeline, false)
	in.Rebuild = true
	if r.shared {
		_, err := r.join(ctx, rebuildID(pipeline), in)
		return err
	}
	unlock, err := r.workflows.Lock(ctx, rebuildID(pipeline))
	if err != nil {
		return err
	}
	defer unlock()
	_, err = r.drain(ctx, func() (Result, error) { return r.start(ctx, rebuildID(pipeline), in) })
	return err
}

// join executes the backlog with the open workflow, or a new one if there is none.
func (r *Runner) join(ctx context.Context, id string, in Input) (Result, error) {
	return r.drain(ctx, func() (Result, error) { return r.requestDrain(ctx, id, in) })
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
	r.log.Info("a run waits for temporal", "error", err)
	pause, cancel := context.WithTimeout(ctx, outageWait.After(outages))
	<-pause.Done()
	cancel()
}

// start executes the backlog with a new workflow.
func (r *Runner) start(ctx context.Context, id string, in Input) (result Result, err error) {
	if err := temporal.CheckProject(ctx, r.client, id, r.Project); err != nil {
		return result, err
	}
	run, err := r.client.ExecuteWorkflow(ctx, r.replaceExistingOptions(id), Reconcile, in)
	if err == nil {
		err = run.Get(ctx, &result)
	}
	if err != nil && ctx.Err() != nil {
		return Result{}, r.cancel(ctx, id)
	}
	return result, err
}

func (r *Runner) newInput(pipeline string, follow bool) Input {
	return Input{Pipeline: pipeline, Follow: follow, BySuggestion: true, Join: r.shared, Project: r.Project}
}

// replaceExistingOptions terminate an open workflow of the same id: this process holds the lock of the pipeline, so that workflow
// belongs to a process that died. Waiting for its missed heartbeats would only lose time.
func (r *Runner) replaceExistingOptions(id string) client.StartWorkflowOptions {
	options := r.startOptions(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
	options.EnableEagerStart = true
	return options
}

func (r *Runner) startOptions(id string, conflict enumspb.WorkflowIdConflictPolicy) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: TaskQueue, Memo: temporal.Memo(r.Project),
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
// workflow that is terminated, cancelled or fails is restarted. A workflow that is shared stays for good.
func (r *Runner) Follow(ctx context.Context, pipeline string) error {
	unlock, err := r.workflows.Lock(ctx, pipeline)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.startFollowing(ctx, pipeline); err != nil {
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

func (r *Runner) startFollowing(ctx context.Context, pipeline string) error {
	if err := temporal.CheckProject(ctx, r.client, WorkflowID(pipeline), r.Project); err != nil {
		return err
	}
	if r.shared {
		return r.signal(ctx, pipeline, FollowSignal, true)
	}
	_, err := r.client.ExecuteWorkflow(ctx, r.replaceExistingOptions(WorkflowID(pipeline)), Reconcile, r.newInput(pipeline, true))
	return err
}

// signal signals the workflow of a pipeline, and starts it if it has ended.
func (r *Runner) signal(ctx context.Context, pipeline, name string, follow bool) error {
	id := WorkflowID(pipeline)
	_, err := r.client.SignalWithStartWorkflow(ctx, id, name, nil, r.useExistingOptions(id), Reconcile, r.newInput(pipeline, follow))
	return err
}

// Unfollow ends the workflow of a followed pipeline and awaits the steps under way. A workflow that is shared is only no longer
// restarted by this process.
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
	if r.shared {
		return nil
	}
	return r.end(ctx, WorkflowID(pipeline))
}

// Wake notifies the workflow of a pipeline that a batch was sealed. If the workflow has ended it is started. With exclusive use only
// pipelines that are followed are notified.
func (r *Runner) Wake(ctx context.Context, pipeline string) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	follows := r.following[pipeline] != nil
	if !follows && !r.shared {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	name := SealedSignal
	if follows && r.shared { // it is not known whether whoever started the workflow follows
		name = FollowSignal
	}
	if err := r.signal(ctx, pipeline, name, follows); err != nil {
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
			if !temporal.IsOutage(err) || r.warnings.Pass(pipeline) {
				r.log.Warn("the workflow of a pipeline has ended; restarting", "pipeline", pipeline, "ended", temporal.FromTemporal(ended), "error", err)
			}
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

// requestDrain requests that an open workflow executes its current backlog, and starts the workflow if it has ended.
func (r *Runner) requestDrain(ctx context.Context, id string, in Input) (result Result, err error) {
	if err := temporal.CheckProject(ctx, r.client, id, r.Project); err != nil {
		return result, err
	}
	handle, err := r.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: r.client.NewWithStartWorkflowOperation(r.useExistingOptions(id), Reconcile, in),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: drainUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
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
func (r *Runner) useExistingOptions(id string) client.StartWorkflowOptions {
	return r.startOptions(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
}
