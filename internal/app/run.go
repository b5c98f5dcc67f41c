// Running pipelines: starts Temporal and the workers, works off backlogs, rebuilds, and reports the progress of steps.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"bursar/internal/reconcile/flow"
	"bursar/internal/reconcile/rebuild"
	"bursar/internal/reconcile/runs"
	"bursar/internal/role"
)

// Progress reports that a step of a run begins, or has ended.
type Progress struct {
	Pipeline string
	Run      uint64
	Step     runs.StepName
	Done     bool
	Events   int64 // of the run
	Backlog  int64 // events that no published run includes
}

// StartTemporal starts the embedded Temporal server or connects to the cluster, and starts the workers, unless this process has roles that
// decide which workers it has. Run and Rebuild call it if nobody has before.
func (a *App) StartTemporal(ctx context.Context) error {
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.runner != nil {
		return nil
	}
	if _, err := a.connectTemporal(ctx); err != nil {
		return err
	}
	if !a.shared.serves {
		if a.IsShared() {
			if err := a.checkDeclarations(ctx); err != nil {
				return err // before it executes steps of others
			}
		}
		stop, err := a.startSteps(role.All(), flow.StopTimeout)
		if err != nil {
			return err
		}
		a.closers = append(a.closers, stop)
	}
	newRunner := flow.NewRunner
	if a.IsShared() {
		newRunner = flow.NewSharedRunner
	}
	a.runner = newRunner(a.temporal.Client(), a.log)
	a.runner.Project = a.id
	return nil
}

// startSteps starts the workers of some roles, which execute steps until stop, which is never nil.
func (a *App) startSteps(roles []role.Role, stopTimeout time.Duration) (stop func() error, err error) {
	limits := flow.Limits{Steps: a.maxConcurrentSteps, StopTimeout: stopTimeout}
	workers := flow.NewWorkers(a.temporal.Client(), observedSteps{a}, roles, limits, a.id)
	if err := workers.Start(); err != nil {
		return func() error { return nil }, fmt.Errorf("start workers: %w", err)
	}
	return func() error { workers.Stop(); return nil }, nil
}

// Run works off the backlogs of the pipelines through their workflows and returns the published runs. A pipeline that fails
// does not stop the others. Run is safe for concurrent use.
func (a *App) Run(ctx context.Context, pipelines []string, watch func(Progress)) ([]runs.Run, error) {
	done := []runs.Run{}
	ctx, diskErr, endWatch := a.disk.watch(ctx)
	defer endWatch()
	if err := a.StartTemporal(ctx); err != nil {
		return done, cmp.Or(diskErr(), err)
	}
	unsealed, err := a.recoverAllSpools(ctx)
	if err != nil {
		return done, err
	}
	for stream, err := range unsealed {
		if !slices.ContainsFunc(pipelines, func(p string) bool { return a.Project.Pipeline(p).Folds(stream) }) {
			a.log.Warn("cannot recover the spools of a stream; its acknowledged events are not sealed", "stream", stream, "error", err)
		}
	}
	defer a.watchProgress(ctx, pipelines, watch)()
	var all error
	for _, pipeline := range pipelines {
		err := a.unsealedErr(pipeline, unsealed)
		if err == nil {
			var published []runs.Run
			published, err = a.runPipeline(ctx, pipeline)
			done = append(done, published...)
		}
		all = errors.Join(all, err)
		if ctx.Err() != nil {
			break
		}
	}
	return done, cmp.Or(diskErr(), all)
}

// runPipeline works off the backlog of one pipeline. It waits for a rebuild of it, because a run would extend the generation
// that the rebuild replaces.
func (a *App) runPipeline(ctx context.Context, pipeline string) ([]runs.Run, error) {
	unlock, err := a.pipelineLocks.Lock(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	defer unlock()
	before, err := a.Queries.Current(context.WithoutCancel(ctx), pipeline)
	if err == nil {
		err = a.checkDefinitions(ctx, &before)
	}
	if err != nil {
		return nil, err
	}
	began := a.Engine.Now()
	_, failed := a.runner.Run(ctx, pipeline)
	after, err := a.Queries.Current(context.WithoutCancel(ctx), pipeline)
	if err != nil {
		return nil, err
	}
	last := before.Published
	if after.Generation != before.Generation && before.Generation > 0 { // another process has rebuilt the pipeline
		last = 0
	}
	list, err := runs.ListPublished(context.WithoutCancel(ctx), a.Engine.Catalog, &after, last)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(r runs.Run) bool {
		return last < before.Published && r.Steps[runs.StepPublish].Done.Before(began)
	}), failed
}

// Runs lists the runs of a generation with numbers above after, in order.
func (a *App) Runs(ctx context.Context, pipeline string, generation, after uint64) ([]runs.Run, error) {
	return runs.List(ctx, a.Engine.Catalog, pipeline, generation, after)
}

// observedSteps wraps the executor of steps and reports the progress of its steps.
type observedSteps struct{ *App }

// Next is Executor.Next, with its error reported.
func (w observedSteps) Next(ctx context.Context, pipeline string, after uint64, rebuild bool) (runs.NextResult, error) {
	next, err := w.Steps.Next(ctx, pipeline, after, rebuild)
	err = w.decline(pipeline, err)
	w.reportStep(ctx, runs.Ref{Pipeline: pipeline}, "next", err)
	return next, err
}

// Step is Executor.Step, with its begin and end reported.
func (w observedSteps) Step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error) {
	if !w.watchers.isWatched(ref.Pipeline) {
		return w.step(ctx, ref, step)
	}
	p := Progress{Pipeline: ref.Pipeline, Run: ref.Run, Step: step}
	var err error
	if p.Events, p.Backlog, err = w.Queries.Waiting(ctx, ref); err != nil {
		return runs.StepResult{}, err
	}
	w.watchers.notify(p)
	result, err := w.step(ctx, ref, step)
	if err == nil {
		p.Done = true
		if step == runs.StepPublish {
			p.Backlog -= p.Events
		}
		w.watchers.notify(p)
	}
	return result, err
}

// Partition is Executor.Partition, with its error reported.
func (w observedSteps) Partition(ctx context.Context, ref runs.Ref, step runs.StepName, partition int) (runs.StepResult, error) {
	result, err := w.Steps.Partition(ctx, ref, step, partition)
	if err = w.decline(ref.Pipeline, err); err != nil {
		w.reportStep(ctx, ref, step, err)
	}
	return result, err
}

func (w observedSteps) step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error) {
	if _, rebuilding := w.rebuilding.Load(ref.Pipeline); rebuilding {
		w.log.Info("rebuild", "pipeline", ref.Pipeline, "generation", ref.Generation, "run", ref.Run, "step", step)
	}
	result, err := w.Steps.Step(ctx, ref, step)
	err = w.decline(ref.Pipeline, err)
	w.reportStep(ctx, ref, step, err)
	return result, err
}

// Rebuild folds all batches of a pipeline into its next generation and switches to it. In this process the pipeline is locked
// meanwhile, so that the switch need not wait for batches that runs of the old generation publish.
func (a *App) Rebuild(ctx context.Context, pipeline string) (out rebuild.Result, err error) {
	unlock, err := a.pipelineLocks.Lock(ctx, pipeline)
	if err != nil {
		return out, err
	}
	defer unlock()
	unsealed, err := a.recoverAllSpools(ctx)
	if err == nil {
		err = a.unsealedErr(pipeline, unsealed)
	}
	if err != nil {
		return out, err
	}
	if err := a.StartTemporal(ctx); err != nil {
		return out, err
	}
	resume, err := a.pause(ctx, pipeline)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, resume()) }()
	a.rebuilding.Store(pipeline, true)
	defer a.rebuilding.Delete(pipeline)
	return a.Rebuilder.Rebuild(ctx, pipeline, func(ctx context.Context) error { return a.runner.Rebuild(ctx, pipeline) })
}

// watchers receive the progress of runs, one call at a time. The zero value is ready.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]bool
}

type watcher struct {
	pipelines []string
	notify    func(Progress)
}

// add calls notify with the progress of the pipelines until remove is called. A nil notify is ignored.
func (w *watchers) add(pipelines []string, notify func(Progress)) (remove func()) {
	if notify == nil {
		return func() {}
	}
	added := &watcher{pipelines, notify}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*watcher]bool{}
	}
	w.all[added] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, added)
	}
}

func (w *watchers) isWatched(pipeline string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if slices.Contains(one.pipelines, pipeline) {
			return true
		}
	}
	return false
}

func (w *watchers) notify(p Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.all {
		if slices.Contains(one.pipelines, p.Pipeline) {
			one.notify(p)
		}
	}
}
