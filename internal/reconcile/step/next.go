// Planning of runs: which batches the next run folds, and whether the pipeline may run at all.

package step

import (
	"context"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/fold"
	"bursar/internal/reconcile/runs"
)

// Next returns the oldest unpublished run with a number above after. If there is none it plans a new run with batches of the
// backlog; an empty backlog gives no run. after is the last run in flight, so runs can follow each other before the first
// is published.
func (e *Executor) Next(ctx context.Context, pipeline string, after uint64) (runs.NextResult, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err == nil {
		err = e.clearFirstGeneration(ctx, pipeline)
	}
	if err != nil {
		return runs.NextResult{}, err
	}
	next, err := e.planNext(ctx, plan, after, runs.PlanNext)
	if err != nil {
		return runs.NextResult{}, fmt.Errorf("plan run of %s: %w", pipeline, err)
	}
	return next, nil
}

// planNext plans a run in a transaction. If a batch was sealed without a total that the pipeline conserves, the total is first
// computed from the events, outside of the transaction.
func (e *Executor) planNext(ctx context.Context, plan *fold.Plan, after uint64,
	planned func(catalog.Tx, *fold.Plan, uint64) (runs.NextResult, error),
) (next runs.NextResult, err error) {
	for {
		err = e.Catalog.Update(ctx, func(tx catalog.Tx) error {
			err := runs.CheckStreams(tx, plan)
			if err == nil {
				next, err = planned(tx, plan, after)
			}
			return err
		})
		batch, lacks := event.AsMissingTotals(err)
		if !lacks {
			return next, err
		}
		if err := e.computeTotals(ctx, plan, batch); err != nil {
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
	return event.ComputeTotals(ctx, e.Catalog, e.Objects, e.Objects, session, plan.Events.Stream(batch.Stream), batch)
}

// NextOfRebuild is Next for the generation that a rebuild is making.
func (e *Executor) NextOfRebuild(ctx context.Context, pipeline string, after uint64) (runs.NextResult, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return runs.NextResult{}, err
	}
	next, err := e.planNext(ctx, plan, after, runs.PlanNextOfRebuild)
	if err != nil {
		return runs.NextResult{}, fmt.Errorf("plan run of the rebuild of %s: %w", pipeline, err)
	}
	return next, nil
}

// clearFirstGeneration removes objects and index entries under the names of a pipeline's first generation before it is created:
// leftovers of another catalog would be taken for its own.
func (e *Executor) clearFirstGeneration(ctx context.Context, pipeline string) error {
	_, known, err := runs.ReadState(ctx, e.Catalog, pipeline)
	if err != nil || known {
		return err
	}
	return e.Clear(ctx, artifact.Space{Pipeline: pipeline, Generation: 1})
}
