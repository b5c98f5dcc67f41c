// The steps of a run as Temporal activities: heartbeats, one attempt at a time per run, errors by class.

package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"bursar/internal/failure"
	"bursar/internal/keyed"
	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal"
)

// heartbeatInterval is the time between heartbeats, and so the longest time until a step notices that it is cancelled.
const heartbeatInterval = time.Second

type activities struct {
	steps        Steps
	project      string      // the only one whose steps are executed
	attemptLocks keyed.Mutex // by run, or by pipeline for next
}

// Workers are the workers of both task queues.
type Workers []worker.Worker

// NewWorkers returns workers that execute the workflows of all pipelines of a project by calling steps, with at most concurrency steps
// at a time on each task queue. The project is its id, or empty as in Input. The caller starts them before the first Run and stops them before the client closes; stopping
// cancels the steps that are executing.
func NewWorkers(c client.Client, steps Steps, concurrency int, project string) Workers {
	o := workerOptions()
	o.MaxConcurrentActivityExecutionSize = concurrency
	reconcileWorker, indexWorker := worker.New(c, TaskQueue, o), worker.New(c, IndexQueue, o)
	registerReconcile(reconcileWorker, &activities{steps: steps, project: project})
	registerPartition(indexWorker, &activities{steps: steps, project: project}, runs.StepIndex)
	return Workers{reconcileWorker, indexWorker}
}

// Start starts all workers, or none.
func (w Workers) Start() error {
	for i, one := range w {
		if err := one.Start(); err != nil {
			w[:i].Stop()
			return err
		}
	}
	return nil
}

// Stop stops all workers.
func (w Workers) Stop() {
	for _, one := range w {
		one.Stop()
	}
}

func workerOptions() worker.Options {
	return worker.Options{
		MaxConcurrentWorkflowTaskPollers: 2,
		// Each poller occupies one of the activity slots, which eagerly started activities need.
		MaxConcurrentActivityTaskPollers: 1,
		MaxHeartbeatThrottleInterval:     heartbeatInterval,
		WorkerStopTimeout:                5 * time.Second,
		// A step may use all cores, so that workflow code waits; that is not a deadlock.
		DeadlockDetectionTimeout: time.Minute,
		// Code that does not fit a recorded history fails the workflow, visibly; the next workflow continues from the catalog.
		WorkflowPanicPolicy: worker.FailWorkflow,
	}
}

// workflowRegistry is implemented by a worker and by a test environment.
type workflowRegistry interface {
	RegisterWorkflow(w any)
	activityRegistry
}

type activityRegistry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// registerReconcile registers each step under its own activity name, which is what people see in a history.
func registerReconcile(r workflowRegistry, a *activities) {
	r.RegisterWorkflow(Reconcile)
	r.RegisterActivityWithOptions(a.next, activity.RegisterOptions{Name: nextActivity})
	for _, step := range runs.StepNames {
		r.RegisterActivityWithOptions(a.step, activity.RegisterOptions{Name: string(step)})
		if step.Partitioned() && step != runs.StepIndex {
			registerPartition(r, a, step)
		}
	}
}

// registerPartition registers an activity that executes a step for one partition. Index activities have a separate task queue.
func registerPartition(r activityRegistry, a *activities, step runs.StepName) {
	r.RegisterActivityWithOptions(a.partition, activity.RegisterOptions{Name: partitionActivity(step)})
}

func (a *activities) next(ctx context.Context, in NextInput) (out runs.NextResult, err error) {
	lockName := in.Pipeline
	if in.Rebuild {
		lockName = rebuildID(in.Pipeline)
	}
	err = a.runLocked(ctx, in.Project, lockName, func() error {
		out, err = a.steps.Next(ctx, in.Pipeline, in.After, in.Rebuild)
		return err
	})
	return out, err
}

func (a *activities) step(ctx context.Context, in StepInput) (out runs.StepResult, err error) {
	err = a.runLocked(ctx, in.Project, fmt.Sprintf("%s/g%d/%d", in.Ref.Pipeline, in.Ref.Generation, in.Ref.Run), func() error {
		out, err = a.steps.Step(ctx, in.Ref, in.Step)
		return err
	})
	return out, err
}

// partition executes a step for one partition. It does not wait for another attempt: the attempt that it replaces may hang for
// ever, and if that one finishes late it changes nothing (rule 5).
func (a *activities) partition(ctx context.Context, in PartitionInput) (runs.StepResult, error) {
	var out runs.StepResult
	if err := a.checkProject(in.Project); err != nil {
		return out, temporal.ActivityError(err)
	}
	defer heartbeat(ctx)()
	err := recoverPanic(ctx, func() (err error) {
		out, err = a.steps.Partition(ctx, in.Ref, in.Step, in.Partition)
		return err
	})
	logRetry(ctx, err)
	return out, temporal.ActivityError(err)
}

// errOtherProject is returned for a step of another project: workflows of the same pipeline of two projects have the same id.
var errOtherProject = failure.Wrap(failure.Data, errors.New("the workflow belongs to another project, which uses the same Temporal namespace: "+
	"give each project its own namespace, temporal.namespace in bursar.yaml; no step was executed"))

func (a *activities) checkProject(id string) error {
	if id != a.project {
		return errOtherProject
	}
	return nil
}

// recoverPanic turns a panic into an error: Temporal would write its text and stack into the history (rule 7).
func recoverPanic(ctx context.Context, fn func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			activity.GetLogger(ctx).Error("step panicked", "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("bug: panic: %v", cause)
		}
	}()
	return fn()
}

// runLocked calls fn while heartbeats report that it is alive. It first waits for an earlier attempt that is still running in
// this process: if a process pauses for longer than the heartbeat timeout, its step is already assigned to another attempt.
func (a *activities) runLocked(ctx context.Context, project, lockName string, fn func() error) error {
	if err := a.checkProject(project); err != nil {
		return temporal.ActivityError(err)
	}
	defer heartbeat(ctx)()
	unlock, err := a.attemptLocks.Lock(ctx, lockName)
	if err != nil {
		return err
	}
	defer unlock()
	err = recoverPanic(ctx, fn)
	logRetry(ctx, err)
	return temporal.ActivityError(err)
}

// heartbeat sends heartbeats until the returned function is called.
func heartbeat(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(heartbeatInterval) //nolint:forbidigo // activities are not replayed
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return stop
}

// logRetry logs an error that is not reported otherwise, because another attempt follows.
func logRetry(ctx context.Context, err error) {
	attempt := activity.GetInfo(ctx).Attempt
	if err == nil || ctx.Err() != nil || !failure.Of(err).Retryable() || attempt >= temporal.RetryPolicy().MaximumAttempts {
		return
	}
	activity.GetLogger(ctx).Warn("step failed; retrying", "error", err)
}
