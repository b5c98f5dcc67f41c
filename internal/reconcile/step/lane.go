// The order in which runs pass the steps, and the planning of runs: which batches the next one folds, and whether it may run at all.

package step

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/runs"
)

// errOutOfTurn is returned by a step whose run is not next in its lane.
var errOutOfTurn = errors.New("the run before has not completed this step")

// enterLane enforces the order of lanes: a prefetch, merge, index or publish follows that of the run before. It also fixes
// the state that a prefetch reads: as of the last run that is indexed by then. A later attempt reads the same state,
// although more runs may be indexed by then (rule 5).
func (e *Executor) enterLane(ctx context.Context, plan *fold.Plan, run *runs.Run, step runs.StepName) error {
	if !step.Ordered() {
		return nil
	}
	if step != runs.StepPrefetch {
		err := e.Catalog.View(ctx, func(tx catalog.Tx) error { return checkPrevious(tx, run, step) })
		if err != nil || step != runs.StepIndex {
			return err
		}
		// The entries of this run would hide that those of the run before are missing.
		return index.CheckLoaded(ctx, e.Engine, plan, run.Space(), run.Run-1)
	}
	var asOf uint64
	err := e.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		asOf, err = fixAsOf(tx, run.Ref())
		return err
	})
	if err != nil {
		return err
	}
	run.AsOf = &asOf
	return index.CheckLoaded(ctx, e.Engine, plan, run.Space(), asOf)
}

// fixAsOf returns the run that the prefetched state is as of, and decides it if no other attempt or partition has. The stored
// run decides, not a copy that was read earlier: partitions start at different times, and more runs may be indexed between.
func fixAsOf(tx catalog.Tx, ref runs.Ref) (uint64, error) {
	run, err := runs.GetOpen(tx, ref)
	if err != nil {
		return 0, err
	}
	if run.AsOf != nil {
		return *run.AsOf, nil
	}
	if err := checkPrevious(tx, &run, runs.StepPrefetch); err != nil {
		return 0, err
	}
	indexed, err := lastIndexed(tx, &run)
	if err != nil {
		return 0, err
	}
	run.AsOf = &indexed
	return indexed, runs.Put(tx, &run)
}

// checkPrevious returns errOutOfTurn unless the run before is published or has done the step.
func checkPrevious(tx catalog.Tx, run *runs.Run, step runs.StepName) error {
	if run.Run == 1 {
		return nil
	}
	before, err := runs.Get(tx, run.Ref().Of(run.Run-1))
	if err != nil {
		return err
	}
	if _, done := before.Steps[step]; !done {
		return outOfTurn(&before)
	}
	return nil
}

func outOfTurn(before *runs.Run) error {
	return failure.Wrap(failure.Transient, fmt.Errorf("%w: run %d", errOutOfTurn, before.Run))
}

// lastIndexed returns the newest earlier run whose entries are in the index.
func lastIndexed(tx catalog.Tx, run *runs.Run) (uint64, error) {
	for n := run.Run - 1; n > 0; n-- {
		before, err := runs.Get(tx, run.Ref().Of(n))
		if err != nil {
			return 0, err
		}
		if _, done := before.Steps[runs.StepIndex]; done {
			return n, nil
		}
	}
	return 0, nil
}

// pendingRuns lists the earlier runs that the prefetched state does not include, newest first: merged, but not indexed when
// prefetch began. A run that was reset to start from the events has no parts, and is waited for.
func (e *Executor) pendingRuns(ctx context.Context, run *runs.Run) ([]runs.Run, error) {
	return catalog.Read(ctx, e.Catalog, func(tx catalog.Tx) (pending []runs.Run, err error) {
		for n := run.Run - 1; n > *run.AsOf; n-- {
			before, err := runs.Get(tx, run.Ref().Of(n))
			if err != nil {
				return nil, err
			}
			if _, done := before.Steps[runs.StepMerge]; !done {
				return nil, outOfTurn(&before)
			}
			pending = append(pending, before)
		}
		return pending, nil
	})
}

// Next returns the oldest unpublished run with a number above after. If there is none it plans a new run with batches of the
// backlog; an empty backlog gives no run. after is the last run in flight, so runs can follow each other before the first
// is published. The runs are those of the generation that readers see or, with rebuild, of the one that a rebuild is making.
func (e *Executor) Next(ctx context.Context, pipeline string, after uint64, rebuild bool) (next runs.NextResult, err error) {
	plan, err := e.Plan(ctx, pipeline)
	what := pipeline
	if rebuild {
		what = "the rebuild of " + pipeline
	} else if err == nil {
		err = e.prepareFirstGeneration(ctx, pipeline)
	}
	if err != nil {
		return next, err
	}
	if next, err = e.planNext(ctx, plan, after, rebuild); err != nil {
		return runs.NextResult{}, fmt.Errorf("plan run of %s: %w", what, err)
	}
	return next, nil
}

// planNext plans a run in a transaction. If a batch was sealed without a total that the pipeline conserves, the total is first
// computed from the events, outside of the transaction.
func (e *Executor) planNext(ctx context.Context, plan *fold.Plan, after uint64, rebuild bool) (next runs.NextResult, err error) {
	for {
		err = e.Catalog.Update(ctx, func(tx catalog.Tx) error {
			err := runs.CheckStreams(tx, plan)
			if err == nil {
				next, err = runs.PlanNext(tx, plan, after, rebuild)
			}
			return err
		})
		lacks, is := errors.AsType[*event.MissingTotalsError](err)
		if !is {
			return next, err
		}
		if err := e.computeTotals(ctx, plan, lacks.Batch); err != nil {
			return next, err
		}
	}
}

func (e *Executor) computeTotals(ctx context.Context, plan *fold.Plan, batch event.Batch) error {
	session, err := e.Session()
	if err != nil {
		return err
	}
	defer session.Close()
	return event.ComputeTotals(ctx, e.Catalog, e.Objects, session, plan.Events.Stream(batch.Stream), batch)
}

func (e *Executor) prepareFirstGeneration(ctx context.Context, pipeline string) error {
	_, known, err := runs.ReadState(ctx, e.Catalog, pipeline)
	if err != nil || known {
		return err
	}
	return runs.PrepareNext(ctx, e.Catalog, pipeline, e.PrepareNext)
}
