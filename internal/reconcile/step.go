// Execution of one step of a run: check the order, run the partitions, compare totals, record.

package reconcile

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
)

// StepName names a step of a run. Documents, object names and activities contain it.
type StepName string

// The steps of a run.
const (
	StepReduce   StepName = "reduce"   // folds the events of the run to one delta for each key
	StepPrefetch StepName = "prefetch" // reads the state of these keys
	StepMerge    StepName = "merge"    // merges deltas and state into records, and checks the control totals
	StepIndex    StepName = "index"    // loads where each record is
	StepPublish  StepName = "publish"  // makes the run visible
)

// StepNames are the steps of a run, in order.
var StepNames = []StepName{StepReduce, StepPrefetch, StepMerge, StepIndex, StepPublish}

// Step executes one step of a run, or those partitions of it that are not done yet. A recorded step is not repeated; an
// interrupted one is, and writes the same bytes (rule 5). Runs may be at different steps at the same time, but all steps
// after reduce are executed in the order of runs.
func (e *Engine) Step(ctx context.Context, ref RunRef, step StepName) (StepResult, error) {
	plan, err := e.Plan(ctx, ref.Pipeline)
	if err != nil {
		return StepResult{}, err
	}
	run, err := e.prepare(ctx, ref, step)
	if err != nil {
		return StepResult{}, err
	}
	if done, ok := run.Steps[step]; ok {
		if step == StepPublish { // an earlier attempt may have ended before its deltas and states were removed
			err = e.removeIntermediates(ctx, &run)
		}
		return StepResult{Rows: done.Rows, Seconds: done.Seconds}, err
	}
	began := e.Now()
	done, err := e.execute(ctx, plan, &run, step)
	if err != nil {
		run.Steps[step] = done // what it made, for failed to remove
		return StepResult{}, e.recordFailure(ctx, &run, step, fmt.Errorf("%s of run %d of %s: %w", step, ref.Run, ref.Pipeline, err))
	}
	now := e.Now()
	done.Done = now.UTC()
	done.Seconds += now.Sub(began).Seconds()
	run.Steps[step] = done
	if err := e.record(ctx, &run, step); err != nil {
		return StepResult{}, fmt.Errorf("record %s of run %d of %s: %w", step, ref.Run, ref.Pipeline, err)
	}
	if step == StepPublish {
		if err := e.removeIntermediates(ctx, &run); err != nil {
			return StepResult{}, err
		}
	}
	return StepResult{Rows: done.Rows, Seconds: done.Seconds}, nil
}

// prepare returns a run for which a step is due. Missing earlier steps are executed first: if another attempt reset the run to
// start from the events, this attempt repeats them.
func (e *Engine) prepare(ctx context.Context, ref RunRef, step StepName) (Run, error) {
	for {
		run, err := e.run(ctx, ref)
		if err != nil {
			return Run{}, err
		}
		due := run.due(step)
		if due == step {
			return run, nil
		}
		if _, err := e.Step(ctx, ref, due); err != nil {
			return Run{}, err
		}
	}
}

func (e *Engine) execute(ctx context.Context, plan *fold.Plan, run *Run, step StepName) (done StepRecord, err error) {
	if err := e.enterLane(ctx, plan, run, step); err != nil {
		return done, err
	}
	if step == StepPublish {
		return StepRecord{Rows: run.Created + run.Updated}, nil
	}
	if done.Shares, err = e.runPartitions(ctx, plan, run, step); err != nil {
		return done, err
	}
	for _, share := range done.Shares {
		done.Rows += share.Rows
		done.Seconds = max(done.Seconds, share.Seconds)
	}
	return done, e.combineShares(ctx, plan, run, step, done.Shares)
}

// combineShares adds up the shares of all partitions and checks the sums against the run (rule 4).
func (e *Engine) combineShares(ctx context.Context, plan *fold.Plan, run *Run, step StepName, shares []Share) error {
	var whole Share
	whole.Totals = event.Totals{}
	for p, share := range shares {
		whole.Rows += share.Rows
		whole.Events += share.Events
		whole.Created += share.Created
		if err := whole.Totals.Add(share.Totals); err != nil {
			return err
		}
		// A state as of another run lacks the changes of the runs between, and the totals still balance.
		if step != StepReduce && share.AsOf != *run.AsOf {
			return fmt.Errorf("bug: the state of partition %d is as of run %d, that of the run as of run %d", p, share.AsOf, *run.AsOf)
		}
	}
	switch step {
	case StepReduce:
		run.FoldCounts, run.Unkeyed = nil, nil
		for _, share := range shares {
			if err := run.Unkeyed.add(share.Unkeyed); err != nil {
				return err
			}
			if share.FoldCounts != nil && run.FoldCounts == nil {
				run.FoldCounts = &FoldCounts{}
			}
			run.FoldCounts.Add(share.FoldCounts)
		}
		if err := compareEvents(step, run.Events, whole.Events+run.Unkeyed.Events()); err != nil {
			return err
		}
		return e.checkSums(ctx, plan, run, whole.Totals)
	case StepMerge:
		run.Created, run.Updated, run.Balanced = whole.Created, whole.Rows-whole.Created, true
		events, totals, err := run.foldedTotals(plan)
		if err != nil {
			return err
		}
		return checkMergeTotals(plan, events, totals, whole.Events, whole.Totals)
	case StepIndex:
		if whole.Rows != run.Created+run.Updated {
			return fmt.Errorf("bug: %d entries for %d artifacts", whole.Rows, run.Created+run.Updated)
		}
	}
	return nil
}

// record commits a step. With publish the watermark moves in the same transaction, so readers see all of a run or nothing.
// A late attempt, after another one has recorded the step, changes nothing.
func (e *Engine) record(ctx context.Context, run *Run, step StepName) error {
	batches, err := e.runBatches(ctx, run)
	if err != nil {
		return err
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		now, err := getRun(tx, run.ref())
		if err != nil {
			return err
		}
		if done, ok := now.Steps[step]; ok {
			run.Steps[step] = done
			return nil
		}
		if now.Resets != run.Resets { // the run was reset meanwhile, and another attempt executes it
			return failure.Wrap(failure.Transient, fmt.Errorf("%s belongs to an attempt that was discarded", step))
		}
		if due := now.due(step); due != step {
			return fmt.Errorf("bug: cannot record %s: %s is due", step, due)
		}
		if now.AsOf != nil && (run.AsOf == nil || *now.AsOf != *run.AsOf) {
			return fmt.Errorf("bug: cannot record %s: its state is not as of run %d", step, *now.AsOf)
		}
		if step == StepPublish {
			if err := publish(tx, run, batches, len(e.Project.Pipeline(run.Pipeline).From)); err != nil {
				return err
			}
		}
		run.Trouble = nil
		if err := deleteShares(tx, run.ref()); err != nil {
			return err
		}
		return tx.Put(runKey(run.ref()), run)
	})
}

// publish moves the watermark of the generation over the run.
func publish(tx catalog.Tx, run *Run, batches []event.Batch, streams int) error {
	key := generationKey(run.Pipeline, run.Generation)
	var g Generation
	if _, err := tx.Get(key, &g); err != nil {
		return err
	}
	if g.Published+1 != run.Run {
		return fmt.Errorf("bug: run %d cannot be published after run %d", run.Run, g.Published)
	}
	events, err := publishedEvents(tx, &g)
	if err != nil {
		return err
	}
	events += run.keyedEvents()
	g.Published, g.Artifacts, g.Events = run.Run, g.Artifacts+run.Created, &events
	if run.FoldCounts != nil {
		if g.FoldCounts == nil {
			g.FoldCounts = &FoldCounts{}
		}
		g.FoldCounts.Add(run.FoldCounts)
	}
	for stream, own := range run.Unkeyed {
		if g.Unkeyed == nil {
			g.Unkeyed = map[string]int64{}
		}
		g.Unkeyed[stream] += own.Events
	}
	g.include(run.Batches, batches, streams)
	return tx.Put(key, g)
}

// publishedEvents returns how many events the published runs of a generation folded. Generations of older versions do not
// record the number; then it is summed over the runs.
func publishedEvents(tx catalog.Tx, g *Generation) (events int64, err error) {
	if g.Events != nil {
		return *g.Events, nil
	}
	for n := uint64(1); n <= g.Published; n++ {
		run, err := getRun(tx, RunRef{g.Pipeline, g.Generation, n})
		if err != nil {
			return 0, err
		}
		events += run.keyedEvents()
	}
	return events, nil
}

// recordFailure stores with the run why its step failed, for `bursar status`. If the totals do not balance, or deltas, states or
// parts are damaged, the run's steps are discarded and the next attempt starts from the events: an earlier step may have
// produced what is wrong.
func (e *Engine) recordFailure(ctx context.Context, run *Run, step StepName, err error) error {
	if ctx.Err() != nil {
		return err
	}
	var derived *derivedError
	restart := failure.ExitCode(err) == breachExit || errors.As(err, &derived)
	trouble := &Trouble{Step: step, Class: failure.Of(err).String(), Message: err.Error(), At: e.Now().UTC()}
	if failing := (*FailingError)(nil); errors.As(err, &failing) {
		trouble.Key = failing.Key
	}
	reset := false // by this attempt; what another attempt has recorded stays
	keep := e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		reset = false
		now, err := getRun(tx, run.ref())
		if err != nil {
			return err
		}
		if _, done := now.Steps[step]; done { // by another attempt
			return nil
		}
		if reset = restart && now.Resets == run.Resets; reset {
			now = Run{
				Pipeline: now.Pipeline, Generation: now.Generation, Run: now.Run, Batches: now.Batches, Events: now.Events, Totals: now.Totals,
				Partitions: now.Partitions, Split: splitByMD5, Steps: map[StepName]StepRecord{}, Resets: now.Resets + 1,
			}
			if err := deleteShares(tx, run.ref()); err != nil {
				return err
			}
		}
		now.Trouble = trouble
		return tx.Put(runKey(run.ref()), now)
	})
	if keep == nil && reset {
		keep = e.deleteObjects(ctx, run.stepObjects(step))
	}
	if keep != nil {
		e.Log.Info("cannot record the failure of a step", "pipeline", run.Pipeline, "run", run.Run, "error", keep)
	}
	return err
}

// removeIntermediates deletes the deltas and states of a run, and of the run before, whose process may have died before it did
// so (rule 9).
func (e *Engine) removeIntermediates(ctx context.Context, run *Run) error {
	done := []Run{*run}
	if run.Run > 1 {
		before, err := e.run(ctx, RunRef{run.Pipeline, run.Generation, run.Run - 1})
		if err != nil {
			return err
		}
		done = append(done, before)
	}
	for i := range done {
		if err := e.deleteObjects(ctx, append(done[i].stepObjects(StepReduce), done[i].stepObjects(StepPrefetch)...)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) deleteObjects(ctx context.Context, objects []object.Description) error {
	for _, o := range objects {
		if err := e.Objects.Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}
