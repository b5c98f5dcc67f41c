// Live intake of streams, and recovery of the spools that a dead process left.

package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// sealTimeout bounds how long sealing open batches may take when the project stops. What is not sealed by then stays in its spool.
const sealTimeout = 30 * time.Second

// liveIntakes are the live intakes by stream. The zero value has none.
type liveIntakes struct {
	mu  sync.RWMutex
	all map[string]*live.Intake
}

func (l *liveIntakes) get(stream string) *live.Intake {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.all[stream]
}

func (l *liveIntakes) set(stream string, in *live.Intake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]*live.Intake{}
	}
	if in == nil {
		delete(l.all, stream)
		return
	}
	l.all[stream] = in
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

// Accept ingests the events of a request. Once it returns they are durable and count exactly once (rule 1).
func (a *App) Accept(ctx context.Context, stream string, r live.Request) (answers.Answer, error) {
	if live := a.live.get(stream); live != nil {
		return live.Accept(ctx, r)
	}
	if s := a.Project.Stream(stream); s == nil || s.Builtin {
		return answers.Answer{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	return answers.Answer{}, live.ErrClosed
}

func (a *App) spool(stream string) string { return filepath.Join(a.state, "spool", stream) }

func (a *App) liveOptions(s *project.Stream) live.Options {
	o := live.Options{Spool: a.spool(s.Name), OnSealed: a.batchSealed, OnLoss: a.losses.add}
	o.KeyColumns = a.keyColumns(s.Name)
	return o
}

// startLiveIntake starts live intake of every stream. stop seals the open batches.
func (a *App) startLiveIntake(ctx context.Context) (stop func() error, err error) {
	stop = func() (all error) {
		ctx, cancel := context.WithTimeout(context.Background(), sealTimeout)
		defer cancel()
		for _, s := range a.Project.Streams {
			if live := a.live.get(s.Name); live != nil {
				a.live.set(s.Name, nil)
				all = errors.Join(all, live.Close(ctx))
			}
		}
		return all
	}
	for _, s := range a.Project.Streams {
		in, err := live.Open(ctx, a.Events, s, a.liveOptions(s))
		if err != nil {
			return stop, fmt.Errorf("start live intake of stream %s: %w", s.Name, err)
		}
		a.live.set(s.Name, in)
	}
	return stop, nil
}

// recoverSpool seals the requests of a stream that a dead process had acknowledged (rule 1). It runs before anything else is
// sealed.
func (a *App) recoverSpool(ctx context.Context, s *project.Stream) error {
	left, err := live.HasUnsealedSpools(ctx, a.Events, s.Name, a.spool(s.Name))
	if err != nil || !left {
		return err
	}
	return live.Recover(ctx, a.Events, s, a.liveOptions(s))
}

// recoverAllSpools recovers the spools of all streams before a run. unsealed has the errors of streams that cannot be sealed;
// they block only the pipelines that fold these streams.
func (a *App) recoverAllSpools(ctx context.Context) (unsealed map[string]error, err error) {
	unsealed = map[string]error{}
	for _, s := range a.Project.Streams {
		unlock, err := a.streamLocks.Lock(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		if a.live.get(s.Name) == nil {
			err = a.recoverSpool(ctx, s)
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

// unsealedErr returns an error if a stream of the pipeline could not be sealed.
func (a *App) unsealedErr(pipeline string, unsealed map[string]error) (all error) {
	for _, s := range a.Project.Pipeline(pipeline).From {
		if err := unsealed[s]; err != nil {
			all = errors.Join(all, fmt.Errorf("run %s: %w", pipeline, err))
		}
	}
	return all
}
