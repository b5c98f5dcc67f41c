// Owned streams, where several processes share a project: this process ingests only into streams that it owns, and asks for those that it needs.

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/flow"
	"bursar/internal/event/live"
	"bursar/internal/event/owner"
	"bursar/internal/failure"
)

// ownedStream is a stream that this process may ingest into.
type ownedStream struct {
	store *event.Store // its catalog refuses updates after the stream was lost
	live  *live.Intake // nil for the streams of statements

	users    sync.WaitGroup // of the store and of live
	released chan struct{}  // closed when this process releases its streams
}

// owners are the streams that this process owns, and those that wait for them. The zero value has none.
type owners struct {
	mu      sync.Mutex
	owned   map[string]*ownedStream
	waiting map[string][]chan *ownedStream
}

// find returns an owned stream, or nil. use counts the caller as a user until its users.Done.
func (o *owners) find(stream string, use bool) *ownedStream {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.owned[stream]
	if s != nil && use {
		s.users.Add(1)
	}
	return s
}

// await returns a channel that receives the stream once it is owned, with the receiver counted as a user.
func (o *owners) await(stream string) chan *ownedStream {
	granted := make(chan *ownedStream, 1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.owned[stream]; s != nil {
		s.users.Add(1)
		granted <- s
		return granted
	}
	if o.waiting == nil {
		o.waiting = map[string][]chan *ownedStream{}
	}
	o.waiting[stream] = append(o.waiting[stream], granted)
	return granted
}

// giveUp ends a wait. A stream that was granted meanwhile is released.
func (o *owners) giveUp(stream string, granted chan *ownedStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.waiting[stream] {
		if other == granted {
			o.waiting[stream] = append(o.waiting[stream][:i:i], o.waiting[stream][i+1:]...)
			return
		}
	}
	select {
	case s := <-granted:
		s.users.Done()
	default:
	}
}

// begin grants a stream to all that wait for it, so that each has its turn before the stream is given to another process.
func (o *owners) begin(stream string, s *ownedStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owned == nil {
		o.owned = map[string]*ownedStream{}
	}
	o.owned[stream] = s
	for _, granted := range o.waiting[stream] {
		s.users.Add(1)
		granted <- s
	}
	delete(o.waiting, stream)
}

// end leaves a stream and waits for its users.
func (o *owners) end(stream string, s *ownedStream) {
	o.leave(stream, s)
	s.users.Wait()
}

// leave makes whoever needs a stream from now on ask for it again: its turn ends, or it was lost to another process.
func (o *owners) leave(stream string, s *ownedStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owned[stream] == s {
		delete(o.owned, stream)
	}
}

// releaseAll ends the ownership of all streams of this process in their own time.
func (o *owners) releaseAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for stream, s := range o.owned {
		close(s.released)
		delete(o.owned, stream)
	}
}

// askAgain is how long a process waits for a stream before it asks again: its request may have expired behind others.
const askAgain = 15 * time.Second

// acquireStream makes this process the owner of a stream until release is called, or later. It waits as long as others are at work.
func (a *App) acquireStream(ctx context.Context, stream string) (s *ownedStream, release func(), err error) {
	if s := a.shared.owners.find(stream, true); s != nil {
		return s, s.users.Done, nil
	}
	if err := a.startRequester(ctx); err != nil {
		return nil, nil, err
	}
	granted := a.shared.owners.await(stream)
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for request := rand.Text(); ; {
		if err := a.shared.requester.Acquire(ctx, stream, request); err != nil && (ctx.Err() != nil || !failure.Of(err).Retryable()) {
			a.shared.owners.giveUp(stream, granted)
			return nil, nil, err
		}
		select {
		case s := <-granted:
			return s, s.users.Done, nil
		case <-again.C:
			a.log.Info("waiting for a stream that another process owns", "stream", stream)
		case <-ctx.Done():
			a.shared.owners.giveUp(stream, granted)
			return nil, nil, ctx.Err()
		}
	}
}

// streamOwner owns streams for the workflows that decide whose turn it is.
type streamOwner struct{ *App }

// Own owns a stream until ctx ends. What a former owner acknowledged and did not seal is sealed first (rule 1).
func (a streamOwner) Own(ctx context.Context, stream string) error {
	declared := a.Project.Stream(stream)
	if declared == nil {
		return failure.Wrap(failure.Data, fmt.Errorf("own stream %s: it is not declared in the project folder of this process: all machines need the same folder", stream))
	}
	taken, err := owner.Take(ctx, a.Events.Catalog, stream, owner.Owner{Process: a.shared.process.ID, Address: a.shared.process.Address, Since: a.Events.Now().UTC()})
	if err != nil {
		return err
	}
	store := *a.Events
	store.Catalog = taken.Catalog()
	s := &ownedStream{store: &store, released: make(chan struct{})}
	if !declared.Builtin {
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
	for _, s := range a.Project.Streams {
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
