// Retracting batches and events, and rebuilding the pipelines that had folded them.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/event"
	"bursar/internal/event/retract"
	"bursar/internal/failure"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/rebuild"
)

// Retracted is the result of one Retract.
type Retracted struct {
	Retraction retract.Retracted `json:"retraction"`
	Rebuilt    []rebuild.Result  `json:"rebuilt"` // pipelines whose artifacts were outdated
}

// Retract excludes a sealed batch or an event from every view, or with Undo includes it again, and then rebuilds the outdated
// pipelines. If it is interrupted, queries refuse these pipelines until they are rebuilt; calling it again does so.
func (a *App) Retract(ctx context.Context, stream string, o retract.Options) (out Retracted, err error) {
	out.Rebuilt = []rebuild.Result{}
	s := a.Project.Stream(stream)
	if s == nil {
		return out, &reconcile.NotFoundError{What: "stream " + stream}
	}
	if s.Builtin {
		return out, failure.Wrap(failure.Data, fmt.Errorf("events of stream %s are those of statements, which prove each other: import the right statement with `bursar import FILE…`; "+
			"a wrong file is retracted with `bursar retract statements FILE --reason TEXT`", stream))
	}
	out.Retraction, err = exclusively(ctx, a, s, func(ctx context.Context) (retract.Retracted, error) { return retract.Retract(ctx, a.Events, s, o) })
	if err != nil {
		return out, err
	}
	out.Rebuilt, err = a.rebuildOutdated(ctx, stream)
	return out, err
}

// rebuildOutdated rebuilds the pipelines of a stream whose artifacts do not match its retractions.
func (a *App) rebuildOutdated(ctx context.Context, stream string) (all []rebuild.Result, err error) {
	all = []rebuild.Result{}
	for _, p := range a.Project.Pipelines {
		if !p.Folds(stream) {
			continue
		}
		made, failed := a.rebuildRetracted(ctx, p.Name)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("rebuild %s: %w", p.Name, failed))
		}
		if made != nil {
			all = append(all, *made)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return all, err
}

// rebuildRetracted rebuilds a pipeline if it is outdated. It first waits for a running rebuild, which may have begun before the
// retraction.
func (a *App) rebuildRetracted(ctx context.Context, pipeline string) (*rebuild.Result, error) {
	unlock, err := a.pipelineLocks.Lock(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	outdated, err := a.Queries.Retracted(ctx, pipeline)
	unlock()
	if err != nil || !outdated {
		return nil, err
	}
	made, err := a.Rebuild(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	return &made, nil
}

// Retractions lists the retractions of all streams.
func (a *App) Retractions(ctx context.Context) ([]event.Retraction, error) {
	all := []event.Retraction{}
	for _, s := range a.Project.Streams {
		list, err := event.Retractions(ctx, a.Events.Catalog, s.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// GivenUp lists the lost parts of all streams that were given up.
func (a *App) GivenUp(ctx context.Context) ([]event.GivenUp, error) {
	all := []event.GivenUp{}
	for _, s := range a.Project.AllStreams() {
		list, err := event.ListGivenUp(ctx, a.Events.Catalog, s.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}
