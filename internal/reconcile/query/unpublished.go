// Refuses to read a pipeline without a published run: an empty answer would look like a result.

package query

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/failure"
	"bursar/internal/reconcile"
)

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
	s, err := e.status(ctx, pipeline)
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
