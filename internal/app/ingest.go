// Ingesting files and retrying quarantined rows, one intake per stream at a time.

package app

import (
	"context"
	"fmt"

	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// Ingest ingests files into one batch of a stream. Intakes of the same stream wait for each other.
func (a *App) Ingest(ctx context.Context, stream string, files []string, o intake.Options) (intake.Result, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return intake.Result{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	if s.Builtin {
		return intake.Result{}, failure.Wrap(failure.Data, fmt.Errorf("stream %s is filled from statements: use `bursar import FILE…`", stream))
	}
	o.KeyColumns = a.keyColumns(stream)
	if in := a.liveIntake(stream); in != nil {
		return in.Ingest(ctx, files, o)
	}
	return a.ingest(ctx, s, func() (intake.Result, error) { return intake.Ingest(ctx, a.Events, s, files, o) })
}

// Retry ingests the quarantined rows of a stream again.
func (a *App) Retry(ctx context.Context, stream string) (intake.Result, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return intake.Result{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	o := intake.Options{KeyColumns: a.keyColumns(stream)}
	if in := a.liveIntake(stream); in != nil {
		return in.Retry(ctx, o)
	}
	return a.ingest(ctx, s, func() (intake.Result, error) { return intake.Retry(ctx, a.Events, s, o) })
}

// ingest ingests while the stream is locked, and wakes the pipelines that fold it.
func (a *App) ingest(ctx context.Context, s *project.Stream, do func() (intake.Result, error)) (intake.Result, error) {
	r, err := withStream(ctx, a, s, do)
	if err == nil && r.Batch > 0 {
		a.batchSealed(r)
	}
	return r, err
}

// withStream locks the stream, recovers its spools and calls do.
func withStream[T any](ctx context.Context, a *App, s *project.Stream, do func() (T, error)) (out T, err error) {
	unlock, err := a.streamLocks.Lock(ctx, s.Name)
	if err != nil {
		return out, err
	}
	defer unlock()
	if err := a.recoverSpool(ctx, s); err != nil {
		return out, err
	}
	return do()
}

// keyColumns returns the columns that pipelines use as keys of a stream. The size of their values is limited like that of ids.
func (a *App) keyColumns(stream string) []string {
	var columns []string
	for _, p := range a.Project.Pipelines {
		if p.Folds(stream) {
			columns = append(columns, p.KeyOf(stream)...)
		}
	}
	return columns
}
