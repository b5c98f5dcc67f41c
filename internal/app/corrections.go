// Corrections of what was ingested: retractions, with the rebuild of the pipelines that had folded the events, and rows in quarantine, which are
// listed, compared, dismissed, or accepted in place of an older event.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/aggregate/imported"
	"bursar/internal/event"
	"bursar/internal/event/intake"
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
	out.Retraction, err = exclusively(ctx, a, s, func(ctx context.Context, st *event.Store) (retract.Retracted, error) {
		return retract.Retract(ctx, st, s, o)
	})
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

// AcceptedRow is the result of one AcceptRow.
type AcceptedRow struct {
	intake.AcceptedRow
	Rebuilt []rebuild.Result `json:"rebuilt"` // pipelines that had folded the older event
}

// AcceptRow accepts a quarantined row that conflicts with an older event: it retracts the event, ingests the row, and rebuilds
// the pipelines that had folded the event. If it is interrupted, calling it again completes it.
func (a *App) AcceptRow(ctx context.Context, stream string, o intake.AcceptOptions) (AcceptedRow, error) {
	result := AcceptedRow{Rebuilt: []rebuild.Result{}}
	s := a.Project.Stream(stream)
	if s == nil {
		return result, &reconcile.NotFoundError{What: "stream " + stream}
	}
	if s.Builtin {
		return result, failure.Wrap(failure.Data, fmt.Errorf("rows of stream %s are those of statements, which prove each other: import the right statement with `bursar import FILE…`, retract the file that is wrong with `bursar retract statements FILE --reason TEXT`, or have the row count as resolved with `bursar quarantine %s --dismiss %s --reason TEXT`",
			stream, stream, o.Row))
	}
	o.KeyColumns = a.keyColumns(stream)
	accepted, err := exclusively(ctx, a, s, func(ctx context.Context, st *event.Store) (intake.AcceptedRow, error) {
		return intake.AcceptRow(ctx, st, s, o)
	})
	result.AcceptedRow = accepted
	if result.Batch == 0 {
		return result, err
	}
	rebuilt, failed := a.rebuildOutdated(ctx, stream)
	result.Rebuilt = rebuilt
	switch r := result.Retried; { // only now can the pipelines fold the row
	case r != nil:
		a.batchSealed(*r)
	case result.Already: // an earlier call that sealed it may have been interrupted before this
		a.wakeFollowers(stream)
	}
	return result, errors.Join(err, failed)
}

// Dismiss marks a quarantined row as resolved, or with Undo as unresolved.
func (a *App) Dismiss(ctx context.Context, stream string, o event.DismissOptions) (event.Dismissed, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return event.Dismissed{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	held, release, err := a.holdStream(ctx, s)
	if err != nil {
		return event.Dismissed{}, err
	}
	defer release()
	if held.live != nil {
		return held.live.Dismiss(ctx, o)
	}
	unlock, err := a.streamLocks.Lock(ctx, stream)
	if err != nil {
		return event.Dismissed{}, err
	}
	defer unlock()
	return held.store.Dismiss(ctx, s, o)
}

// InQuarantine counts the quarantined rows of every stream that has any.
func (a *App) InQuarantine(ctx context.Context) (list []event.QuarantineCount, all error) {
	for _, s := range a.Project.AllStreams() {
		count := a.Events.CountQuarantine
		if s.Builtin {
			count = func(ctx context.Context, stream string) (event.QuarantineCount, error) {
				return imported.CountQuarantine(ctx, a.Events, stream)
			}
		}
		n, err := count(ctx, s.Name)
		if all = errors.Join(all, err); n.Rows+n.Dismissed > 0 {
			list = append(list, n)
		}
	}
	return list, all
}

// Compare compares rows in quarantine with the events that were accepted with their ids.
func (a *App) Compare(ctx context.Context, stream string, rows []event.Rejected) ([]intake.Compared, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return nil, &reconcile.NotFoundError{What: "stream " + stream}
	}
	return intake.Compare(ctx, a.Events, s, rows)
}

// Quarantine calls each for every row of a stream that is in quarantine, batch by batch, including dismissed ones. It stops at
// the first error of each and returns it.
func (a *App) Quarantine(ctx context.Context, stream string, each func(event.Rejected) error) error {
	if a.Project.Stream(stream) == nil {
		return &reconcile.NotFoundError{What: "stream " + stream}
	}
	return imported.Quarantine(ctx, a.Events.Catalog, a.Events.Objects, stream, each)
}
