// Live intake of streams.

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// sealTimeout bounds how long sealing open batches may take when the project stops. What is not sealed by then stays in its spool.
const sealTimeout = 30 * time.Second

// liveIntake returns the live intake of a stream, or nil if there is none.
func (a *App) liveIntake(stream string) *live.Intake {
	value, _ := a.live.Load(stream)
	in, _ := value.(*live.Intake)
	return in
}

// Accept ingests the events of a request. Once it returns they are durable and count exactly once (rule 1).
func (a *App) Accept(ctx context.Context, stream string, r live.Request) (answers.Answer, error) {
	if in := a.liveIntake(stream); in != nil {
		return in.Accept(ctx, r)
	}
	if s := a.Project.Stream(stream); s == nil || s.Builtin {
		return answers.Answer{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	return answers.Answer{}, live.ErrClosed
}

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
			if in := a.liveIntake(s.Name); in != nil {
				a.live.Delete(s.Name)
				all = errors.Join(all, in.Close(ctx))
			}
		}
		return all
	}
	for _, s := range a.Project.Streams {
		in, err := live.Open(ctx, a.Events, s, a.liveOptions(s))
		if err != nil {
			return stop, fmt.Errorf("start live intake of stream %s: %w", s.Name, err)
		}
		a.live.Store(s.Name, in)
	}
	return stop, nil
}
