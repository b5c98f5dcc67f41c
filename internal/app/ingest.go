// Intake, one at a time per stream: ingesting files, retrying quarantined rows, and live intake.

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/owner"
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
	return a.ingest(ctx, s, func(ctx context.Context, st *event.Store) (intake.Result, error) {
		return intake.Ingest(ctx, st, s, files, o)
	})
}

// Retry ingests the quarantined rows of a stream again.
func (a *App) Retry(ctx context.Context, stream string) (intake.Result, error) {
	s := a.Project.Stream(stream)
	if s == nil {
		return intake.Result{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	o := intake.Options{KeyColumns: a.keyColumns(stream)}
	return a.ingest(ctx, s, func(ctx context.Context, st *event.Store) (intake.Result, error) { return intake.Retry(ctx, st, s, o) })
}

// ingest ingests exclusively, and wakes the pipelines that fold the stream.
func (a *App) ingest(ctx context.Context, s *project.Stream, do func(context.Context, *event.Store) (intake.Result, error)) (intake.Result, error) {
	return exclusively(ctx, a, s, func(ctx context.Context, st *event.Store) (intake.Result, error) {
		r, err := do(ctx, st)
		if r.Batch > 0 {
			a.batchSealed(r)
		}
		return r, err
	})
}

// maxLosses is how often work on a stream is repeated because another process has taken the stream meanwhile.
const maxLosses = 3

// exclusively seals the acknowledged requests of a stream and calls do while nothing else is ingested into it. do changes the stream through the
// store that it gets. It is called again if the stream was lost to another process, which has left nothing of the call.
func exclusively[T any](ctx context.Context, a *App, s *project.Stream, do func(context.Context, *event.Store) (T, error)) (out T, err error) {
	for range maxLosses {
		out, err = exclusivelyOnce(ctx, a, s, do)
		if !errors.Is(err, owner.ErrLost) || ctx.Err() != nil {
			break
		}
	}
	return out, err
}

func exclusivelyOnce[T any](ctx context.Context, a *App, s *project.Stream, do func(context.Context, *event.Store) (T, error)) (out T, err error) {
	held, release, err := a.holdStream(ctx, s)
	if err != nil {
		return out, err
	}
	defer func() {
		if errors.Is(err, owner.ErrLost) {
			a.shared.owners.leave(ownedName(s), held)
		}
		release()
	}()
	inStore := func(ctx context.Context) (T, error) { return do(ctx, held.store) }
	if held.live != nil {
		return live.Exclusively(ctx, held.live, inStore)
	}
	unlock, err := a.streamLocks.Lock(ctx, s.Name)
	if err != nil {
		return out, err
	}
	defer unlock()
	if err := a.recoverSpool(ctx, s); err != nil {
		return out, err
	}
	return inStore(ctx)
}

// holdStream returns a stream that this process may ingest into until release is called. Several callers may hold it at a time.
func (a *App) holdStream(ctx context.Context, s *project.Stream) (held *ownedStream, release func(), err error) {
	if !a.IsShared() {
		return &ownedStream{store: a.Events, live: a.liveIntake(s.Name)}, func() {}, nil
	}
	return a.acquireStream(ctx, ownedName(s))
}

// ownedName is the name by which a process owns a stream. The streams of statements are owned together, because an import fills all of them.
func ownedName(s *project.Stream) string {
	if s.Builtin && !s.Reported {
		return project.StatementStream
	}
	return s.Name
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
	if s := a.Project.Stream(stream); s == nil || s.Builtin {
		return answers.Answer{}, &reconcile.NotFoundError{What: "stream " + stream}
	}
	return a.accept(ctx, stream, r)
}

// accept is Accept also for built-in streams.
func (a *App) accept(ctx context.Context, stream string, r live.Request) (answers.Answer, error) {
	if a.IsShared() {
		return a.acceptAnywhere(ctx, stream, r)
	}
	if in := a.liveIntake(stream); in != nil {
		return in.Accept(ctx, r)
	}
	return answers.Answer{}, live.ErrClosed
}

func (a *App) liveOptions(s *project.Stream) live.Options {
	o := live.Options{Spool: a.spoolStore(s.Name), OnSealed: a.batchSealed, OnLoss: a.losses.add, Confirm: a.confirm}
	o.KeyColumns = a.keyColumns(s.Name)
	return o
}

// startLiveIntake starts live intake of every stream. stop seals the open batches.
func (a *App) startLiveIntake(ctx context.Context) (stop func() error, err error) {
	stop = func() (all error) {
		ctx, cancel := context.WithTimeout(context.Background(), sealTimeout)
		defer cancel()
		for _, s := range a.Project.LiveStreams() {
			if in := a.liveIntake(s.Name); in != nil {
				a.live.Delete(s.Name)
				all = errors.Join(all, in.Close(ctx))
			}
		}
		return all
	}
	for _, s := range a.Project.LiveStreams() {
		in, err := live.Open(ctx, a.Events, s, a.liveOptions(s))
		if err != nil {
			return stop, fmt.Errorf("start live intake of stream %s: %w", s.Name, err)
		}
		a.live.Store(s.Name, in)
	}
	return stop, nil
}
