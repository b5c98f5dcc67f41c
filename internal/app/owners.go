// How a process owns streams, where several processes share a project: it asks for those that it needs, and serves them until others ask.

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/event/flow"
	"bursar/internal/event/live"
	"bursar/internal/event/owner"
	"bursar/internal/failure"
)

// askAgain is how long a process waits for a stream before it asks again: its request may have expired behind others.
const askAgain = 15 * time.Second

// askAfterError is how long it waits if the request could not be sent.
const askAfterError = time.Second

// acquireStream makes this process the owner of a stream until release is called, or later. It waits as long as others are at work.
func (a *App) acquireStream(ctx context.Context, stream string) (s *ownedStream, release func(), err error) {
	if s := a.shared.owners.find(stream, true); s != nil {
		return s, s.users.Done, nil
	}
	if err := a.checkDeclaration(ctx, stream); err != nil {
		return nil, nil, err
	}
	if err := a.startRequester(ctx); err != nil {
		return nil, nil, err
	}
	granted := a.shared.owners.await(stream)
	s, err = a.awaitStream(ctx, stream, granted)
	if err != nil {
		a.shared.owners.giveUp(stream, granted)
		return nil, nil, err
	}
	return s, s.users.Done, nil
}

// awaitStream asks for a stream until it is granted.
func (a *App) awaitStream(ctx context.Context, stream string, granted <-chan *ownedStream) (*ownedStream, error) {
	for request := rand.Text(); ; {
		wait := askAgain
		err := a.shared.requester.Acquire(ctx, stream, request)
		if err != nil && (ctx.Err() != nil || !failure.Of(err).Retryable()) {
			return nil, err
		}
		if err != nil {
			a.log.Warn("cannot ask for a stream; trying again", "stream", stream, "error", err)
			wait = askAfterError
		}
		select {
		case s := <-granted:
			return s, nil
		case <-time.After(wait):
			if err := a.checkDeclaration(ctx, stream); isSchemaFault(err) {
				return nil, err
			}
			a.log.Info("waiting for a stream that another process owns", "stream", stream)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// streamOwner owns streams for the workflows that decide whose turn it is.
type streamOwner struct{ *App }

// Own owns a stream until ctx ends. What a former owner acknowledged and did not seal is sealed first (rule 1).
func (a streamOwner) Own(ctx context.Context, stream string) error {
	if err := a.checkOwn(ctx, stream); err != nil {
		return err
	}
	declared := a.Project.Stream(stream)
	taken, err := owner.Take(ctx, a.Events.Catalog, stream, owner.Owner{Process: a.shared.process.ID, Address: a.shared.process.Address, Since: a.Events.Now().UTC()})
	if err != nil {
		return err
	}
	if err := a.checkOwn(ctx, stream); err != nil { // the former owner may have sealed a batch in between
		return errors.Join(err, a.releaseStream(taken))
	}
	store := *a.Events
	store.Catalog = taken.Catalog()
	s := &ownedStream{store: &store, released: make(chan struct{})}
	if !declared.Builtin || declared.Reported {
		o := a.liveOptions(declared)
		o.Confirm = taken.Confirm
		if s.live, err = live.Open(ctx, &store, declared, o); err != nil {
			return errors.Join(err, a.releaseStream(taken))
		}
	}
	a.log.Info("owns a stream", "stream", stream, "process", a.shared.process.ID)
	a.shared.owners.begin(stream, s)
	select {
	case <-ctx.Done():
	case <-s.released:
	}
	a.shared.owners.end(stream, s)
	err = a.closeStream(s)
	if errors.Is(err, owner.ErrLost) {
		a.log.Warn("another process has taken a stream from this one; it seals what was acknowledged", "stream", stream)
		return nil
	}
	return errors.Join(err, a.releaseStream(taken))
}

// checkOwn refuses a stream that this process must not own because of its folder.
func (a streamOwner) checkOwn(ctx context.Context, stream string) error {
	err := a.checkDeclaration(ctx, stream)
	if isSchemaFault(err) || errors.Is(err, errUndeclared) {
		err = withSameFolder(err)
		a.warnDeclined("stream", stream, err)
	}
	if err != nil {
		return fmt.Errorf("own stream %s: %w", stream, err)
	}
	return nil
}

// closeStream seals the open batch of a stream. What is not sealed in time stays in its spool, for the next owner.
func (a streamOwner) closeStream(s *ownedStream) error {
	if s.live == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), sealTimeout)
	defer cancel()
	return s.live.Close(ctx)
}

// releaseTimeout bounds the transaction that records that a stream has no owner. Without it, requests for the stream are sent in vain until
// the next owner takes it.
const releaseTimeout = 5 * time.Second

func (a streamOwner) releaseStream(taken *owner.Ownership) error {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	return taken.Release(ctx)
}

// startRequester starts the workers of the streams that this process asks for, if they are not started yet.
func (a *App) startRequester(ctx context.Context) error {
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.shared.requester != nil {
		return nil
	}
	connection, err := a.connectTemporal(ctx)
	if err != nil {
		return err
	}
	workers := flow.NewWorkers(connection.Client(), streamOwner{a}, a.id, a.shared.process.ID)
	if err := workers.Start(); err != nil {
		return fmt.Errorf("start workers of streams: %w", err)
	}
	a.closers = append(a.closers, func() error { workers.Stop(); return nil })
	a.shared.requester = flow.NewRequester(connection.Client(), a.id, a.shared.process.ID, a.log)
	return nil
}

// ownStreams owns the streams that no process has asked for, until stop is called.
func (a *App) ownStreams(ctx context.Context) (stop func() error, err error) {
	stop = func() error { return nil }
	if err := a.startRequester(ctx); err != nil {
		return stop, err
	}
	workers := flow.NewStandingWorkers(a.temporal.Client(), streamOwner{a}, a.id)
	if err := workers.Start(); err != nil {
		return stop, fmt.Errorf("start workers of streams: %w", err)
	}
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	for _, s := range a.Project.LiveStreams() {
		group.Go(func() { a.shared.requester.Keep(keeping, s.Name) })
	}
	return func() error {
		cancel()
		group.Wait()
		workers.Stop()
		a.shared.owners.releaseAll()
		return nil
	}, nil
}
