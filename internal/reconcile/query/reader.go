// Package query answers queries on published artifacts: get, export, exceptions, trace, status and events without a key. A query
// reads one snapshot, which a rebuild does not remove meanwhile, and sees nothing that is not published. It writes nothing but
// scratch files.
package query

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
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

// AwaitNoReaders waits until nobody reads a generation, which no new query may find any more, and closes open parts. It waits for queries, and
// interrupts ReadPublished.
func (e *Reader) AwaitNoReaders(ctx context.Context, space artifact.Space) error {
	if err := e.snapshots.awaitNoReaders(ctx, space); err != nil {
		return err
	}
	e.CloseParts()
	return nil
}

// CloseParts closes all open parts, before they are deleted.
func (e *Reader) CloseParts() { e.partCache.Clear() }

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

// UnpublishedError reports that no run of a pipeline is published, so that there are no artifacts to read.
type UnpublishedError struct {
	Pipeline string
	Next     string // what to do so that a run is published
}

func (e *UnpublishedError) Error() string {
	return fmt.Sprintf("nothing of %s is published yet: %s", e.Pipeline, e.Next)
}

// Class is Data: a retry gives the same until a run is published.
func (e *UnpublishedError) Class() failure.Class { return failure.Data }

// checkPublished returns an error if no run of the pipeline is published. Published runs without artifacts are fine.
func (e *Reader) checkPublished(ctx context.Context, q *Snapshot) error {
	if q.Generation.Published > 0 {
		return nil
	}
	pipeline := q.Plan.Pipeline.Name
	s, err := e.PipelineStatus(ctx, pipeline)
	if err != nil {
		return err
	}
	next := fmt.Sprintf("run `bursar run %s`", pipeline)
	if s.Backlog == 0 {
		command := "import"
		if first := q.Plan.Events.Streams[0]; !first.Builtin {
			command = "ingest " + first.Name
		}
		next = fmt.Sprintf("ingest events with `bursar %s FILE…`, then %s", command, next)
	}
	return &UnpublishedError{pipeline, next}
}

// keyNotFound turns an UnpublishedError into a NotFoundError of the key, with the reason.
func keyNotFound(err error, pipeline, key string) error {
	var unpublished *UnpublishedError
	if errors.As(err, &unpublished) {
		return &reconcile.NotFoundError{What: fmt.Sprintf("key %s in %s", key, pipeline), Why: unpublished.Error()}
	}
	return err
}
