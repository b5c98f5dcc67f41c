// Requests for a stream, where several processes share a project: they are accepted by the process that owns the stream.

package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/owner"
	"bursar/internal/failure"
	"bursar/internal/serve"
)

const (
	// ownerWait is how long a request waits for a stream to have an owner. The heartbeats of one that died are missed after eight seconds.
	ownerWait = 12 * time.Second
	// ownerPoll is how often a waiting request looks for the owner, unless the change feed reports one before.
	ownerPoll = time.Second
)

// errNotOwner is the answer to a request that another process has forwarded to a former owner.
var errNotOwner = failure.Wrap(failure.Transient, errors.New("this process does not own the stream any more"))

// acceptOwned accepts the events of a request if this process owns the stream.
func (a *App) acceptOwned(ctx context.Context, stream string, r live.Request) (answers.Answer, error) {
	s := a.shared.owners.find(stream, false)
	if s == nil || s.live == nil {
		return answers.Answer{}, errNotOwner
	}
	answer, err := s.live.Accept(ctx, r)
	if errors.Is(err, live.ErrClosed) || errors.Is(err, owner.ErrLost) {
		err = errNotOwner
	}
	return answer, err
}

// acceptAnywhere accepts the events of a request in the process that owns the stream. While the stream has no owner the request waits. A request
// whose answer was lost is sent again: rows that were accepted are duplicates then, as if the client had repeated it.
func (a *App) acceptAnywhere(ctx context.Context, stream string, r live.Request) (answers.Answer, error) {
	waiting, cancel := context.WithTimeout(ctx, ownerWait)
	defer cancel()
	changed := a.shared.watch(waiting, owner.Prefix+stream)
	find := func() (owner.Owner, error) {
		now, _, err := owner.Find(waiting, a.Events.Catalog, stream)
		return now, err
	}
	var last error
	for {
		answer, err := a.acceptOnce(ctx, stream, r, find, changed)
		if err == nil || ctx.Err() != nil || failure.Of(err) != failure.Transient {
			return answer, err
		}
		last = err
		poll := time.NewTimer(ownerPoll)
		select {
		case <-changed:
		case <-poll.C:
		case <-waiting.Done():
		}
		poll.Stop()
		if waiting.Err() != nil { // an attempt may have taken long while the database was away
			return answers.Answer{}, a.noOwner(ctx, stream, last)
		}
	}
}

// declarationWait bounds the look for the reason why a request has waited in vain.
const declarationWait = 2 * time.Second

// noOwner returns the error of a request that has waited in vain. last is that of its last attempt.
func (a *App) noOwner(ctx context.Context, stream string, last error) error {
	switch {
	case errors.Is(last, context.DeadlineExceeded):
		last = errors.New("the catalog does not answer")
	case !failure.IsOfServer(last):
		looking, cancel := context.WithTimeout(ctx, declarationWait)
		defer cancel()
		if fault := a.checkDeclaration(looking, stream); isSchemaFault(fault) {
			last = withSameFolder(fault)
		}
	}
	return failure.Wrap(failure.Transient, fmt.Errorf("no process accepts events of stream %s: send the request again: %w", stream, last))
}

// acceptOnce accepts the events here or in the process that the catalog says to own the stream, which find returns.
func (a *App) acceptOnce(ctx context.Context, stream string, r live.Request, find func() (owner.Owner, error), changed <-chan struct{}) (answers.Answer, error) {
	answer, err := a.acceptOwned(ctx, stream, r)
	if !errors.Is(err, errNotOwner) {
		return answer, err
	}
	now, err := find()
	if err != nil {
		return answer, err
	}
	if now.Address == "" || now.Process == a.shared.process.ID {
		return answer, errNotOwner
	}
	forwarding, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		if a.awaitNextOwner(forwarding, stream, now.Number, changed) {
			cancel(errNotOwner)
		}
	})
	answer, err = a.shared.peers.Accept(forwarding, now.Address, stream, r)
	if forwarding.Err() == nil {
		a.warnUnreachable(stream, &now, err)
	}
	if err != nil && errors.Is(context.Cause(forwarding), errNotOwner) {
		err = errNotOwner
	}
	return answer, err
}

// warnUnreachable warns of a process that does not answer, once a minute.
func (a *App) warnUnreachable(stream string, to *owner.Owner, err error) {
	var silent *serve.UnreachableError
	if errors.As(err, &silent) && a.shared.warnings.Pass("process "+to.Process) {
		a.log.Warn("cannot forward events to the process that owns their stream; if it runs, open the port of its address, or set another with --peer-address there",
			"stream", stream, "process", to.Process, "address", to.Address, "error", silent.Cause)
	}
}

// awaitNextOwner returns true when the stream has another owner than that of the number, or false when ctx ends. A process that was suspended, or a
// machine that is cut off, does not answer what was forwarded to it, and acknowledges nothing once another one owns the stream.
func (a *App) awaitNextOwner(ctx context.Context, stream string, number uint64, changed <-chan struct{}) bool {
	poll := time.NewTicker(ownerPoll)
	defer poll.Stop()
	for {
		select {
		case <-changed:
		case <-poll.C:
		case <-ctx.Done():
			return false
		}
		if now, _, err := owner.Find(ctx, a.Events.Catalog, stream); err == nil && now.Number != number {
			return true
		}
	}
}
