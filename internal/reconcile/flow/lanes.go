// The lanes: up to MaxInFlight runs at a time, each in another step.

package flow

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
)

// backlogManager is the state of one execution of Reconcile.
type backlogManager struct {
	in   Input
	runs int // published in this execution
	// completed are the steps that were completed in this execution.
	completed map[completedStep]bool

	passes backlog.Passes
}

const (
	// declinedFor is how long a pass asks for work that processes decline, after the last step that one has done: their folders do not match
	// it, but that of another one may, and nobody decides which process is asked.
	declinedFor = time.Minute
	// declinedWait is the time between two such attempts, each of which asks several times.
	declinedWait = time.Second
)

// completedStep is a step of a run.
type completedStep struct {
	ref  runs.Ref
	step runs.StepName
}

// pass executes the backlog.
func (m *backlogManager) pass(ctx workflow.Context) (done bool, err error) {
	done, err = m.drain(ctx)
	for until := workflow.Now(ctx).Add(declinedFor); temporal.WasDeclined(err) && workflow.Now(ctx).Before(until); {
		if err := workflow.Sleep(ctx, declinedWait); err != nil {
			return false, err
		}
		before := len(m.completed)
		if done, err = m.drain(ctx); len(m.completed) > before {
			until = workflow.Now(ctx).Add(declinedFor)
		}
	}
	return done, err
}

// laneState is the state of one pass over the backlog.
type laneState struct {
	project   string                   // of the inputs
	last      uint64                   // the last planned run
	inFlight  int                      // number of runs in flight
	passed    map[runs.StepName]uint64 // by step: the last run that completed it
	failedRun uint64                   // the first run that failed; 0 if none has
	err       error                    // the error of failedRun

	generation uint64 // of the runs
	replaced   bool   // by another generation: these runs end, and their batches are the backlog of the other
}

// drain plans runs and executes them until there is no backlog (done) or the execution is long. It returns the error of the first
// run that failed. Runs before that one are completed; those after it wait for the next pass. If a rebuild replaces the generation
// meanwhile, it continues with the new one.
func (m *backlogManager) drain(ctx workflow.Context) (done bool, err error) {
	for {
		l := &laneState{project: m.in.Project, passed: map[runs.StepName]uint64{}}
		done, err := m.fill(ctx, l)
		// Runs in flight end by themselves, also when the workflow is cancelled: their activities are cancelled too.
		detached, _ := workflow.NewDisconnectedContext(ctx)
		if err := workflow.Await(detached, func() bool { return l.inFlight == 0 }); err != nil {
			return false, err
		}
		switch {
		case l.err != nil:
			return false, l.err
		case err != nil || !l.replaced:
			return done, err
		}
	}
}

// fill starts runs until there is no backlog (done), the execution is long, or a run has failed or was replaced.
func (m *backlogManager) fill(ctx workflow.Context, l *laneState) (done bool, err error) {
	for l.failedRun == 0 && !l.replaced && !m.isLong(ctx, m.runs+l.inFlight) {
		var next runs.NextResult
		in := NextInput{Pipeline: m.in.Pipeline, After: l.last, Rebuild: m.in.Rebuild, Project: m.in.Project}
		if err := workflow.ExecuteActivity(stepContext(ctx), nextActivity, in).Get(ctx, &next); err != nil || !next.Backlog {
			return err == nil, err
		}
		if l.last > 0 && next.Ref.Generation != l.generation {
			l.replaced = true // the run is planned, and is the first of the next lanes
			return false, nil
		}
		l.start(ctx, m, next)
		err := workflow.Await(ctx, func() bool { return l.inFlight < runs.MaxInFlight || l.failedRun > 0 || l.replaced })
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// start executes a run, step by step, in a coroutine.
func (l *laneState) start(ctx workflow.Context, m *backlogManager, next runs.NextResult) {
	ref := next.Ref
	if l.last == 0 {
		l.generation = ref.Generation
		for _, step := range runs.StepNames {
			l.passed[step] = ref.Run - 1
		}
	}
	l.last = ref.Run
	l.inFlight++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { l.inFlight-- }()
		for _, step := range runs.StepNames {
			if err := l.runStep(ctx, next, step); err != nil {
				if l.failedRun == 0 || ref.Run < l.failedRun {
					l.failedRun, l.err = ref.Run, err
				}
				return
			}
			m.completed[completedStep{ref, step}] = true
			if l.replaced || l.failedRun > 0 && l.failedRun < ref.Run {
				return
			}
		}
		m.runs++
		m.passes.Succeed()
	})
}

// runStep executes one step of a run, when it is its turn.
func (l *laneState) runStep(ctx workflow.Context, next runs.NextResult, step runs.StepName) error {
	ref := next.Ref
	if step.Ordered() {
		earlierFailed := func() bool { return l.failedRun > 0 && l.failedRun < ref.Run }
		if err := workflow.Await(ctx, func() bool { return l.passed[step] == ref.Run-1 || earlierFailed() || l.replaced }); err != nil {
			return err
		}
		if earlierFailed() {
			return l.err
		}
	}
	if l.replaced {
		return nil
	}
	if err := l.runPartitions(ctx, next, step); err != nil || l.replaced {
		return err
	}
	var result runs.StepResult
	if err := workflow.ExecuteActivity(stepContext(ctx), string(step), StepInput{Ref: ref, Step: step, Project: l.project}).Get(ctx, &result); err != nil {
		return err
	}
	l.replaced = l.replaced || result.Replaced
	l.passed[step] = ref.Run
	return nil
}

// runPartitions executes the partitions of a step concurrently. Index partitions always go to the index workers; another step that
// is not split is executed by Step. The server starts another attempt if a worker is silent for the heartbeat timeout.
func (l *laneState) runPartitions(ctx workflow.Context, next runs.NextResult, step runs.StepName) error {
	if !step.Partitioned() || next.Partitions <= 1 && step != runs.StepIndex {
		return nil
	}
	ctx = stepContext(ctx)
	if step == runs.StepIndex {
		ctx = workflow.WithTaskQueue(ctx, IndexQueue)
	}
	shares := make([]workflow.Future, max(next.Partitions, 1))
	for p := range shares {
		shares[p] = workflow.ExecuteActivity(ctx, partitionActivity(step), PartitionInput{
			Ref: next.Ref, Step: step, Partition: p, Project: l.project,
		})
	}
	var failed error
	for _, share := range shares {
		var result runs.StepResult
		if err := share.Get(ctx, &result); err != nil && (failed == nil || temporal.WasDeclined(failed)) {
			failed = err // rather than that a partition was declined
		}
		l.replaced = l.replaced || result.Replaced
	}
	return failed
}

// partitionActivity is the activity name of a step for one partition, as people see it in a history.
func partitionActivity(step runs.StepName) string { return string(step) + " partition" }
