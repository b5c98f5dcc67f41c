// The workers of a process: which task queues they serve, what they register there, and how they stop.

package flow

import (
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"bursar/internal/reconcile/runs"
	"bursar/internal/role"
	"bursar/internal/temporal"
)

// Limits bound what the workers of a process do.
type Limits struct {
	Steps int // that are executed at a time, on each task queue
	// StopTimeout is how long Stop waits for the steps that are executing before it cancels them.
	StopTimeout time.Duration
}

const (
	// StopTimeout is Limits.StopTimeout of a process that has the project to itself: the next one starts its steps again anyway.
	StopTimeout = 5 * time.Second
	// SharedStopTimeout is that of a process that shares the project: a step that ends is not executed again elsewhere.
	SharedStopTimeout = 10 * time.Minute
)

// Workers are the workers of a process, one for each of its roles with a task queue of this package.
type Workers []worker.Worker

// NewWorkers returns the workers of those roles that execute pipelines, Reconcile and Index; the others are ignored. They execute
// workflows and steps of all pipelines of a project, whose id is as in Input, by calling steps. The caller starts them before the first
// Run and stops them before the client closes.
func NewWorkers(c client.Client, steps Steps, roles []role.Role, limits Limits, project string) (w Workers) {
	o := workerOptions()
	o.MaxConcurrentActivityExecutionSize = limits.Steps
	o.WorkerStopTimeout = limits.StopTimeout
	a := newActivities(steps, project)
	if slices.Contains(roles, role.Reconcile) {
		reconcileWorker := worker.New(c, TaskQueue, o)
		registerReconcile(reconcileWorker, a)
		w = append(w, reconcileWorker)
	}
	if slices.Contains(roles, role.Index) {
		indexWorker := worker.New(c, IndexQueue, o)
		registerPartition(indexWorker, a, runs.StepIndex)
		w = append(w, indexWorker)
	}
	return w
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

// Stop stops all workers at once: they take no new work. It waits for the steps that are executing, up to the StopTimeout, and then
// cancels them.
func (w Workers) Stop() {
	var stopping sync.WaitGroup
	for _, one := range w {
		stopping.Go(one.Stop)
	}
	stopping.Wait()
}

func workerOptions() worker.Options {
	o := temporal.WorkerOptions()
	o.MaxConcurrentWorkflowTaskPollers = 2
	o.MaxConcurrentActivityTaskPollers = 1 // each occupies one of the activity slots, which eagerly started activities need
	return o
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
