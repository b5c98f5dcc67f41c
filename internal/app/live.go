// Streams that are taken in as their events arrive, and what a dead process left of them.

package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/spool"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// sealTime bounds how long sealing what is open may take at the end; what is not sealed by then stays in its spool.
const sealTime = 30 * time.Second

// lives are the streams whose events are taken in as they arrive. The zero value has none.
type lives struct {
	mu  sync.RWMutex
	all map[string]*event.LiveIntake
}

func (l *lives) of(stream string) *event.LiveIntake {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.all[stream]
}

func (l *lives) set(stream string, live *event.LiveIntake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]*event.LiveIntake{}
	}
	if live == nil {
		delete(l.all, stream)
		return
	}
	l.all[stream] = live
}

// losses are those that were found while the project is open. The zero value has none.
type losses struct {
	mu  sync.Mutex
	all []spool.Loss
}

func (l *losses) add(loss spool.Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, loss)
}

// LostError says that acknowledged requests may have been lost with a damaged spool. Class Data.
type LostError struct{ Losses []spool.Loss }

func (e *LostError) Error() string {
	text := "acknowledged requests may be lost: " + e.Losses[0].String()
	if n := len(e.Losses); n > 1 {
		text += fmt.Sprintf(" (and %d more; `bursar status` lists them)", n-1)
	}
	return text
}

// Class is Data: they do not come back by trying again.
func (e *LostError) Class() failure.Class { return failure.Data }

// Lost returns a *LostError if a damaged spool was found since the project was opened.
func (a *App) Lost() error {
	a.lost.mu.Lock()
	defer a.lost.mu.Unlock()
	if len(a.lost.all) == 0 {
		return nil
	}
	return &LostError{a.lost.all}
}

// Accept takes in a request's events: once it returns they are durable, and count exactly once (rule 1).
func (a *App) Accept(ctx context.Context, stream string, r event.Request) (event.Answer, error) {
	if live := a.lives.of(stream); live != nil {
		return live.Accept(ctx, r)
	}
	if s := a.Project.Stream(stream); s == nil || s.Builtin {
		return event.Answer{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	return event.Answer{}, event.ErrClosed
}

func (a *App) spool(stream string) string { return filepath.Join(a.state, "spool", stream) }

func (a *App) liveOptions(s *project.Stream) event.LiveOptions {
	o := event.LiveOptions{Spool: a.spool(s.Name), OnSealed: a.sealed, OnLoss: a.lost.add}
	o.KeyColumns = a.keyColumns(s.Name)
	return o
}

// takeLive takes every stream in as its events arrive, until stop has sealed what is open.
func (a *App) takeLive(ctx context.Context) (stop func() error, err error) {
	stop = func() (all error) {
		ctx, cancel := context.WithTimeout(context.Background(), sealTime)
		defer cancel()
		for _, s := range a.Project.Streams {
			if live := a.lives.of(s.Name); live != nil {
				a.lives.set(s.Name, nil)
				all = errors.Join(all, live.Close(ctx))
			}
		}
		return all
	}
	for _, s := range a.Project.Streams {
		live, err := a.Intake.OpenLive(ctx, s, a.liveOptions(s))
		if err != nil {
			return stop, fmt.Errorf("take stream %s in: %w", s.Name, err)
		}
		a.lives.set(s.Name, live)
	}
	return stop, nil
}

// sealLeft seals what a process that died had acknowledged of a stream (rule 1): nothing else may seal before.
func (a *App) sealLeft(ctx context.Context, s *project.Stream) error {
	left, err := a.Intake.HasUnsealedSpools(ctx, s.Name, a.spool(s.Name))
	if err != nil || !left {
		return err
	}
	return a.Intake.Recover(ctx, s, a.liveOptions(s))
}

// sealAllLeft does so for all streams, before what is sealed is worked off, and gives the errors of those that cannot be sealed:
// they keep back the pipelines that fold them, and no others.
func (a *App) sealAllLeft(ctx context.Context) (unsealed map[string]error, err error) {
	unsealed = map[string]error{}
	for _, s := range a.Project.Streams {
		unlock, err := a.streams.Lock(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		if a.lives.of(s.Name) == nil {
			err = a.sealLeft(ctx, s)
		}
		unlock()
		if ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			unsealed[s.Name] = err
		}
	}
	return unsealed, nil
}

// keptBack is why a pipeline cannot take in all that was acknowledged; nil if it can.
func (a *App) keptBack(pipeline string, unsealed map[string]error) (all error) {
	for _, s := range a.Project.Pipeline(pipeline).From {
		if err := unsealed[s]; err != nil {
			all = errors.Join(all, fmt.Errorf("run %s: %w", pipeline, err))
		}
	}
	return all
}
