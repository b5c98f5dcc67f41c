// Answers the queries of HTTP clients.

package app

import (
	"context"
	"errors"
	"slices"

	"bursar/internal/aggregate/imported"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"
	"bursar/internal/serve"
)

// queries refuses figures, with serve.ConflictError, while the retraction of a statement file is not complete: they may include only some of what the
// file lists.
type queries struct {
	*query.Reader
	app *App
}

// Get returns an artifact.
func (q *queries) Get(ctx context.Context, pipeline, key string, asOf uint64, history bool) (query.GetResult, error) {
	if err := q.check(ctx, pipeline); err != nil {
		return query.GetResult{}, err
	}
	return q.Reader.Get(ctx, pipeline, key, asOf, history)
}

// Exceptions calls each for every exception of a pipeline.
func (q *queries) Exceptions(ctx context.Context, pipeline string, each func(query.Exception) error) error {
	if err := q.check(ctx, pipeline); err != nil {
		return err
	}
	return q.Reader.Exceptions(ctx, pipeline, each)
}

// check returns an error for a pipeline that folds statements while a retraction is not complete.
func (q *queries) check(ctx context.Context, pipeline string) error {
	p := q.app.Project.Pipeline(pipeline)
	if p == nil || !slices.ContainsFunc(project.BuiltinStreams, p.Folds) {
		return nil
	}
	err := q.app.CheckRetractions(ctx)
	if errors.As(err, new(*imported.UnfinishedError)) {
		return &serve.ConflictError{Err: err}
	}
	return err
}
