// The assembly line: up to MaxInFlight runs at a time, each in another lane.

package reconcile

import "go.temporal.io/sdk/workflow"

// manager is the state of one execution of Reconcile.
type manager struct {
	in       WorkflowInput
	runs     int // published in this execution
	failures int // in a row

	asked    int   // requests to work off the backlog
	answered int   // of them, those that came before the last pass that came to an end began
	outcome  error // of that pass
	awake    bool  // a batch was sealed, or a request came, since the last pass began
	leaving  bool  // this execution makes no more passes
}

// pass works the backlog off, and answers the requests that came before. A pass that stops because the execution is long
// answers none: the next execution goes on. It is the last thing that an execution does, so histories are the same either way.
func (m *manager) pass(ctx workflow.Context) error {
	asked := m.asked
	m.awake = false
	done, err := m.workOff(ctx)
	if done || err != nil {
		m.outcome, m.answered = err, asked
	}
	return err
}

// line is one pass over the backlog.
type line struct {
	last   uint64            // the last run that was planned
	flying int               // runs that are under way
	passed map[string]uint64 // by step: the last run that has passed it
	broken uint64            // the first run that failed, 0 if none has
	err    error             // its error
}

// workOff plans runs and moves them along until there is no backlog, which is done, or the execution is long. It returns the
// error of the first run that failed. Runs before that one are carried on to their end; those after it wait for the next pass.
func (m *manager) workOff(ctx workflow.Context) (done bool, err error) {
	l := &line{passed: map[string]uint64{}}
	var failed error
	for l.broken == 0 && !m.isLong(ctx, m.runs+l.flying) {
		var next NextResult
		in := NextInput{Pipeline: m.in.Pipeline, After: l.last, Rebuild: m.in.Rebuild}
		if failed = workflow.ExecuteActivity(stepContext(ctx), nextActivity, in).Get(ctx, &next); failed != nil || !next.Backlog {
			done = failed == nil
			break
		}
		l.start(ctx, m, next)
		if failed = workflow.Await(ctx, func() bool { return l.flying < MaxInFlight || l.broken > 0 }); failed != nil {
			break
		}
	}
	// What is under way ends by itself, also when the workflow is cancelled: its activities are then.
	landed, _ := workflow.NewDisconnectedContext(ctx)
	if err := workflow.Await(landed, func() bool { return l.flying == 0 }); err != nil {
		return false, err
	}
	if l.err != nil {
		return false, l.err
	}
	return done, failed
}

// start sends a run down the line.
func (l *line) start(ctx workflow.Context, m *manager, next NextResult) {
	ref := next.Ref
	if l.last == 0 {
		for _, step := range StepNames {
			l.passed[step] = ref.Run - 1
		}
	}
	l.last = ref.Run
	l.flying++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { l.flying-- }()
		for _, step := range StepNames {
			if err := l.carry(ctx, next, step); err != nil {
				if l.broken == 0 || ref.Run < l.broken {
					l.broken, l.err = ref.Run, err
				}
				return
			}
			if l.broken > 0 && l.broken < ref.Run {
				return
			}
		}
		m.runs++
		m.failures = 0
	})
}

// carry takes a run through one step, in its turn.
func (l *line) carry(ctx workflow.Context, next NextResult, step string) error {
	ref := next.Ref
	if inLane(step) {
		gone := func() bool { return l.broken > 0 && l.broken < ref.Run }
		if err := workflow.Await(ctx, func() bool { return l.passed[step] == ref.Run-1 || gone() }); err != nil {
			return err
		}
		if gone() {
			return l.err
		}
	}
	if err := handOut(ctx, next, step); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(stepContext(ctx), step, StepInput{Ref: ref, Step: step}).Get(ctx, nil); err != nil {
		return err
	}
	l.passed[step] = ref.Run
	return nil
}

// handOut has the partitions of a step done at the same time. The index is always handed to index workers; another step that
// is not split is done at once. Whoever falls silent for the heartbeat timeout is replaced by the server.
func handOut(ctx workflow.Context, next NextResult, step string) error {
	if !Partitioned(step) || next.Partitions <= 1 && step != "index" {
		return nil
	}
	ctx = stepContext(ctx)
	if step == "index" {
		ctx = workflow.WithTaskQueue(ctx, IndexQueue)
	}
	shares := make([]workflow.Future, max(next.Partitions, 1))
	for p := range shares {
		shares[p] = workflow.ExecuteActivity(ctx, partitionActivity(step), PartitionInput{Ref: next.Ref, Step: step, Partition: p})
	}
	var failed error
	for _, share := range shares {
		if err := share.Get(ctx, nil); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// partitionActivity names the activity of a partition's share of a step, as people see it in a history.
func partitionActivity(step string) string { return step + " partition" }
