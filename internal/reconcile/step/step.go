// Package step executes the steps of runs: reduce, prefetch, merge, index and publish. Each is a plain function, idempotent and
// recorded in the catalog (rule 5), and checks the control totals before anything is visible (rule 4). It owns deltas, states and
// parts in the object store. It must not answer queries, and knows nothing of workflows.
package step

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// Executor executes the steps of runs.
type Executor struct{ *reconcile.Engine }

// New returns an executor that works on the stores of an engine.
func New(e *reconcile.Engine) *Executor { return &Executor{e} }

// Step executes one step of a run, or those partitions of it that are not done yet. A recorded step is not repeated; an
// interrupted one is, and writes the same bytes (rule 5). Runs may be at different steps at the same time, but all steps
// after reduce are executed in the order of runs. Several processes may execute the same step at once.
func (e *Executor) Step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error) {
	return unlessReplaced(e.step(ctx, ref, step))
}

// unlessReplaced turns the error of a run whose generation was replaced into a result: the run ends, and nothing has failed.
func unlessReplaced(result runs.StepResult, err error) (runs.StepResult, error) {
	if errors.Is(err, runs.ErrReplaced) {
		return runs.StepResult{Replaced: true}, nil
	}
	return result, err
}

func (e *Executor) step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error) {
	plan, run, err := e.prepare(ctx, ref, step)
	if err != nil {
		return runs.StepResult{}, err
	}
	if done, ok := run.Steps[step]; ok {
		if step == runs.StepPublish { // an earlier attempt may have ended before its deltas and states were removed
			err = e.removeIntermediates(ctx, &run)
		}
		return runs.StepResult{Rows: done.Rows, Seconds: done.Seconds}, err
	}
	began := e.Now()
	done, err := e.execute(ctx, plan, &run, step)
	if err != nil {
		run.Steps[step] = done // what it made, for recordFailure to remove
		done, err = e.recordFailure(ctx, &run, step, fmt.Errorf("%s of run %d of %s: %w", step, ref.Run, ref.Pipeline, err))
		return runs.StepResult{Rows: done.Rows, Seconds: done.Seconds}, err
	}
	now := e.Now()
	done.Done = now.UTC()
	done.Seconds += now.Sub(began).Seconds()
	run.Steps[step] = done
	if err := e.record(ctx, &run, step); err != nil {
		return runs.StepResult{}, fmt.Errorf("record %s of run %d of %s: %w", step, ref.Run, ref.Pipeline, err)
	}
	if _, published := run.Steps[runs.StepPublish]; published { // by this step, or by other processes while this attempt was late
		if err := e.removeIntermediates(ctx, &run); err != nil {
			return runs.StepResult{}, err
		}
	}
	return runs.StepResult{Rows: done.Rows, Seconds: done.Seconds}, nil
}

// prepare returns a run for which a step is due, and its plan. Missing earlier steps are executed first: if another attempt reset
// the run to start from the events, this attempt repeats them.
func (e *Executor) prepare(ctx context.Context, ref runs.Ref, step runs.StepName) (*fold.Plan, runs.Run, error) {
	plan, err := e.Plan(ctx, ref.Pipeline)
	if err != nil {
		return nil, runs.Run{}, err
	}
	for {
		run, err := runs.FindOpen(ctx, e.Catalog, plan, ref)
		if err != nil {
			return nil, runs.Run{}, err
		}
		due := run.Due(step)
		if due == step {
			return plan, run, nil
		}
		if _, err := e.Step(ctx, ref, due); err != nil {
			return nil, runs.Run{}, err
		}
	}
}

func (e *Executor) execute(ctx context.Context, plan *fold.Plan, run *runs.Run, step runs.StepName) (done runs.StepRecord, err error) {
	if err := e.enterLane(ctx, plan, run, step); err != nil {
		return done, err
	}
	if step == runs.StepPublish {
		return runs.StepRecord{Rows: run.Created + run.Updated}, nil
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
func (e *Executor) combineShares(ctx context.Context, plan *fold.Plan, run *runs.Run, step runs.StepName, shares []runs.Share) error {
	var whole runs.Share
	whole.Totals = event.Totals{}
	for p, share := range shares {
		whole.Rows += share.Rows
		whole.Events += share.Events
		whole.Created += share.Created
		if err := whole.Totals.Add(share.Totals); err != nil {
			return err
		}
		// A state as of another run lacks the changes of the runs between, and the totals still balance.
		if step != runs.StepReduce && share.AsOf != *run.AsOf {
			return fmt.Errorf("bug: the state of partition %d is as of run %d, that of the run as of run %d", p, share.AsOf, *run.AsOf)
		}
	}
	switch step {
	case runs.StepReduce:
		run.FoldCounts, run.Unkeyed = nil, nil
		for _, share := range shares {
			if err := run.Unkeyed.Add(share.Unkeyed); err != nil {
				return err
			}
			if share.FoldCounts != nil && run.FoldCounts == nil {
				run.FoldCounts = &runs.FoldCounts{}
			}
			run.FoldCounts.Add(share.FoldCounts)
		}
		if err := compareEvents(step, run.Events, whole.Events+run.Unkeyed.Events()); err != nil {
			return err
		}
		return e.checkSums(ctx, plan, run, whole.Totals)
	case runs.StepMerge:
		run.Created, run.Updated, run.Balanced = whole.Created, whole.Rows-whole.Created, true
		events, totals, err := run.FoldedTotals(plan)
		if err != nil {
			return err
		}
		return CompareMerged(plan, events, totals, whole.Events, whole.Totals)
	case runs.StepIndex:
		if whole.Rows != run.Created+run.Updated {
			return fmt.Errorf("bug: %d entries for %d artifacts", whole.Rows, run.Created+run.Updated)
		}
	}
	return nil
}

// record commits a step. With publish the watermark moves in the same transaction, so readers see all of a run or nothing.
// A late attempt, after another one has recorded the step, changes nothing; run is then what the other recorded.
func (e *Executor) record(ctx context.Context, run *runs.Run, step runs.StepName) error {
	batches, err := runs.ReadBatches(ctx, e.Catalog, e.Project, run)
	if err != nil {
		return err
	}
	return e.Catalog.Update(ctx, func(tx catalog.Tx) error {
		now, err := runs.GetOpen(tx, run.Ref())
		if err != nil {
			return err
		}
		if _, done := now.Steps[step]; done {
			*run = now
			return nil
		}
		if now.Resets != run.Resets { // the run was reset meanwhile, and another attempt executes it
			return failure.Wrap(failure.Transient, fmt.Errorf("%s belongs to an attempt that was discarded", step))
		}
		if due := now.Due(step); due != step {
			return fmt.Errorf("bug: cannot record %s: %s is due", step, due)
		}
		if now.AsOf != nil && (run.AsOf == nil || *now.AsOf != *run.AsOf) {
			return fmt.Errorf("bug: cannot record %s: its state is not as of run %d", step, *now.AsOf)
		}
		if step == runs.StepPublish {
			if err := publish(tx, run, batches, len(e.Project.Pipeline(run.Pipeline).From)); err != nil {
				return err
			}
		}
		run.Trouble = nil
		if err := runs.DeleteShares(tx, run.Ref()); err != nil {
			return err
		}
		return runs.Put(tx, run)
	})
}
