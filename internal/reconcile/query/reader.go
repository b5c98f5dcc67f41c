// Package query answers queries on published artifacts: get, export, exceptions, trace, status and events without a key. A query
// reads one snapshot, which a rebuild does not remove meanwhile, and sees nothing that is not published. It writes nothing but
// scratch files.
package query

import (
	"context"

	"bursar/internal/artifact"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// Reader answers queries on published artifacts. A process has one, so that a rebuild waits for all its queries.
type Reader struct {
	*reconcile.Engine

	snapshots snapshotCache      // cached, one per pipeline
	partCache artifact.PartCache // open parts, for reading single records
}

// New returns a reader of the stores of an engine.
func New(e *reconcile.Engine) *Reader { return &Reader{Engine: e} }

// Current returns the generation that readers see; generation 0 for a pipeline that has never run.
func (e *Reader) Current(ctx context.Context, pipeline string) (g runs.Generation, err error) {
	if e.Project.Pipeline(pipeline) == nil {
		return g, &reconcile.NotFoundError{What: "pipeline " + pipeline}
	}
	return runs.Current(ctx, e.Catalog, pipeline)
}

// AwaitNoReaders waits until nobody reads a generation, which no new query may find any more, and closes open parts.
func (e *Reader) AwaitNoReaders(ctx context.Context, space artifact.Space) error {
	if err := e.snapshots.awaitNoReaders(ctx, space); err != nil {
		return err
	}
	e.CloseParts()
	return nil
}

// CloseParts closes all open parts, before they are deleted.
func (e *Reader) CloseParts() { e.partCache.Clear() }
