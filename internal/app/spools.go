// Spools that a dead process left: sealing their requests, their losses, streams that are no longer declared, and their verification.

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/event/live"
	"bursar/internal/event/live/spool"
	"bursar/internal/event/owner"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// spoolStore returns the spools of a stream.
func (a *App) spoolStore(stream string) spool.Store { return a.spools.Of(stream) }

// Losses returns the losses of damaged spools that are not dismissed.
func (a *App) Losses(ctx context.Context) (all []spool.Loss, err error) {
	streams, err := a.spools.Streams(ctx)
	for _, name := range streams {
		losses, failed := a.spoolStore(name).Losses(ctx)
		all, err = append(all, losses...), errors.Join(err, failed)
	}
	return all, err
}

// recoverSpool seals the requests of a stream that a dead process had acknowledged (rule 1). It runs before anything else is
// sealed.
func (a *App) recoverSpool(ctx context.Context, s *project.Stream) error {
	left, err := live.HasUnsealedSpools(ctx, a.Events, s.Name, a.spoolStore(s.Name))
	if err != nil || !left {
		return err
	}
	return live.Recover(ctx, a.Events, s, a.liveOptions(s))
}

// recoverAllSpools recovers the spools of all streams before a run. unsealed has the errors of streams that cannot be sealed;
// they block only the pipelines that fold these streams.
func (a *App) recoverAllSpools(ctx context.Context) (unsealed map[string]error, err error) {
	unsealed = map[string]error{}
	recoverStream := a.recoverUnowned
	if a.IsShared() {
		recoverStream = a.recoverAbandoned
	}
	for _, s := range a.Project.LiveStreams() {
		err := recoverStream(ctx, s)
		if ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			unsealed[s.Name] = err
		}
	}
	return unsealed, nil
}

// recoverUnowned recovers the spools of a stream, unless this process has live intake of it.
func (a *App) recoverUnowned(ctx context.Context, s *project.Stream) error {
	unlock, err := a.streamLocks.Lock(ctx, s.Name)
	if err != nil {
		return err
	}
	defer unlock()
	if a.liveIntake(s.Name) != nil {
		return nil
	}
	return a.recoverSpool(ctx, s)
}

// recoverAbandoned recovers the spools of a stream whose owner has died, by becoming the owner. One that lives seals its requests itself.
func (a *App) recoverAbandoned(ctx context.Context, s *project.Stream) error {
	left, err := live.HasUnsealedSpools(ctx, a.Events, s.Name, a.spoolStore(s.Name))
	if err != nil || !left {
		return err
	}
	lives, err := a.isOwnerAlive(ctx, s.Name)
	if err != nil || lives {
		return err
	}
	held, release, err := a.acquireStream(ctx, s.Name)
	if err != nil {
		return err
	}
	defer release()
	return held.live.Seal(ctx)
}

// isOwnerAlive reports whether the process that owns a stream shares the project.
func (a *App) isOwnerAlive(ctx context.Context, stream string) (bool, error) {
	o, _, err := owner.Find(ctx, a.Events.Catalog, stream)
	if err != nil || o.Process == "" {
		return false, err
	}
	list, err := a.shared.members(ctx)
	return slices.ContainsFunc(list, func(m pgcatalog.Member) bool { return m.Name == o.Process }), err
}

// unsealedErr returns an error if a stream of the pipeline could not be sealed.
func (a *App) unsealedErr(pipeline string, unsealed map[string]error) (all error) {
	for _, s := range a.Project.Pipeline(pipeline).From {
		if err := unsealed[s]; err != nil {
			all = errors.Join(all, fmt.Errorf("run %s: %w", pipeline, err))
		}
	}
	return all
}

// losses are the damaged spools that were found since the project was opened. The zero value has none.
type losses struct {
	mu  sync.Mutex
	all []spool.Loss
}

func (l *losses) add(loss spool.Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, loss)
}

// LossError means that acknowledged requests may have been lost with a damaged spool. Its class is Data.
type LossError struct{ Losses []spool.Loss }

func (e *LossError) Error() string {
	text := "acknowledged requests may be lost: " + e.Losses[0].String()
	if n := len(e.Losses); n > 1 {
		text += fmt.Sprintf(" (and %d more; `bursar status` lists them)", n-1)
	}
	return text
}

// Class is Data: retrying does not bring the requests back.
func (e *LossError) Class() failure.Class { return failure.Data }

// CheckLosses returns a *LossError if a damaged spool was found since the project was opened.
func (a *App) CheckLosses() error {
	a.losses.mu.Lock()
	defer a.losses.mu.Unlock()
	if len(a.losses.all) == 0 {
		return nil
	}
	return &LossError{a.losses.all}
}

// Stranded is a stream that was removed from the project folder before all its acknowledged events were sealed. The events stay
// in its spools until it is declared again.
type Stranded struct {
	Stream   string `json:"stream"`
	Requests int64  `json:"requests"` // acknowledged and not sealed
	Folder   string `json:"folder"`   // of the stream's spools, or the prefix of their objects
}

func (s Stranded) String() string {
	return fmt.Sprintf("stream %s is not declared, with %s not sealed in %s: restore streams/%s.yaml to seal them",
		s.Stream, reconcile.Plural(s.Requests, "acknowledged request"), s.Folder, s.Stream)
}

// Stranded lists the stranded streams. A project that is opened to be verified may have no readable catalog: nothing is known of its spools
// then.
func (a *App) Stranded(ctx context.Context) (list []Stranded, err error) {
	if a.Events == nil {
		return nil, nil
	}
	streams, err := a.spools.Streams(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range streams {
		if a.Project.Stream(name) != nil {
			continue
		}
		store := a.spoolStore(name)
		s := Stranded{Stream: name, Folder: store.Place(spool.ID{})}
		if s.Requests, err = live.CountUnsealed(ctx, a.Events, name, store); err != nil {
			return list, err
		}
		if s.Requests > 0 {
			list = append(list, s)
		}
	}
	return list, nil
}

// checkSpools checks that every spool is undamaged and belongs to a declared stream, and reports losses that are not dismissed.
func (v *projectVerification) checkSpools(ctx context.Context) error {
	streams, err := v.spools.Streams(ctx)
	if err != nil {
		return err
	}
	for _, name := range v.withDeclared(streams) {
		c, store := newCheck("spools", name), v.spoolStore(name)
		losses, err := store.Losses(ctx)
		if err != nil {
			return err
		}
		if v.Project.Stream(name) == nil {
			if left, err := store.List(ctx); err != nil || len(left) > 0 {
				c.Remedy = fmt.Sprintf("streams/%s.yaml", name)
				v.add(c, "", errors.Join(err, fmt.Errorf("stream %s is not declared, but has acknowledged requests in %s: declare it again", name, reconcile.Plural(len(left), "spool"))))
			}
			continue
		}
		if in := v.liveIntake(name); in != nil {
			err = in.Verify(ctx)
		} else {
			err = live.VerifySpools(ctx, v.Events, name, store)
		}
		for _, l := range losses {
			c.Remedy = dismissRemedy
			err = errors.Join(err, errors.New(l.String()))
		}
		if left, failed := live.HasUnsealedSpools(ctx, v.Events, name, store); left || failed != nil || err != nil {
			v.add(c, "acknowledged requests wait undamaged for their batch", errors.Join(err, failed))
		}
	}
	return nil
}
