// Reports pipelines whose definition or events changed since their artifacts were made.

package query

import (
	"context"
	"errors"

	"bursar/internal/catalog"
	"bursar/internal/fold"
	"bursar/internal/reconcile/runs"
)

// Changed lists the definitions of a pipeline that changed, and the events that were retracted, since its artifacts were made:
// the pipeline must be rebuilt. It is nil if nothing changed or no artifacts exist yet.
func (e *Reader) Changed(ctx context.Context, pipeline string) ([]string, error) {
	return e.changes(ctx, pipeline, runs.CheckCurrent)
}

// Retracted reports whether something was retracted, given up or restored since the artifacts that readers see were made.
func (e *Reader) Retracted(ctx context.Context, pipeline string) (bool, error) {
	changes, err := e.changes(ctx, pipeline, runs.CheckRetracted)
	return changes != nil, err
}

// changes returns the changes that check finds in the generation that readers see.
func (e *Reader) changes(ctx context.Context, pipeline string, check func(catalog.Tx, *fold.Plan, *runs.Generation) error) ([]string, error) {
	g, err := e.Current(ctx, pipeline)
	if err != nil || g.Generation == 0 {
		return nil, err
	}
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	err = e.Catalog.View(ctx, func(tx catalog.Tx) error { return check(tx, plan, &g) })
	if changed := (*runs.ChangedError)(nil); errors.As(err, &changed) {
		return changed.Changed, nil
	}
	return nil, err
}

// CheckStreams is runs.CheckStreams in a transaction of its own.
func (e *Reader) CheckStreams(ctx context.Context, plan *fold.Plan) error {
	return e.Catalog.View(ctx, func(tx catalog.Tx) error { return runs.CheckStreams(tx, plan) })
}
