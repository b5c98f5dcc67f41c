// Refusing to read a pipeline of which no run is published yet: an empty answer would look like a result.

package reconcile

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/failure"
)

// UnpublishedError is that no run of a pipeline is published yet, so there is nothing to say of its artifacts.
type UnpublishedError struct {
	Pipeline string
	Next     string // what to do, so that one is published
}

func (e *UnpublishedError) Error() string {
	return fmt.Sprintf("nothing of %s is published yet: %s", e.Pipeline, e.Next)
}

// Class is Data: asking again gives the same answer until a run is published.
func (e *UnpublishedError) Class() failure.Class { return failure.Data }

// checkPublished refuses a question about a pipeline of which no run is published. One whose runs made no artifacts is not refused.
func (e *Engine) checkPublished(ctx context.Context, q *snapshot) error {
	if q.generation.Published > 0 {
		return nil
	}
	pipeline := q.plan.Pipeline.Name
	s, err := e.status(ctx, pipeline)
	if err != nil {
		return err
	}
	next := fmt.Sprintf("run `bursar run %s`", pipeline)
	if s.Backlog == 0 {
		command := "import"
		if first := q.plan.Events.Streams[0]; !first.Builtin {
			command = "ingest " + first.Name
		}
		next = fmt.Sprintf("take in events by `bursar %s FILE…`, then %s", command, next)
	}
	return &UnpublishedError{pipeline, next}
}

// keyNotFound has a question about one key end as for any other key that is not there, with why.
func keyNotFound(err error, pipeline, key string) error {
	var unpublished *UnpublishedError
	if errors.As(err, &unpublished) {
		return &NotFoundError{What: fmt.Sprintf("key %s in %s", key, pipeline), Why: unpublished.Error()}
	}
	return err
}
