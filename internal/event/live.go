package event

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"bursar/internal/event/spool"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// MaxRequest is the largest body that live intake takes, in bytes.
const MaxRequest = 64 << 20

// LiveOptions say how a stream is taken in live. MaxRejected and DryRun of Options do not apply: what was acknowledged is
// sealed.
type LiveOptions struct {
	Options
	Spool     string        // folder of this stream's requests that are not sealed yet; made when needed
	Window    time.Duration // a batch is sealed this long after its first event; 0 is what the stream declares
	MaxEvents int64         // or when it has about so many lines; 0 is what the stream declares
	MaxBytes  int64         // or its spool so many bytes; 0 is what the stream declares
	OnSealed  func(Result)  // told of each sealed batch, in order; must return at once; may be nil

	OnLoss func(spool.Loss) // called when acknowledged requests may be lost, after it was written down; may be nil

	wrap func(spool.File) spool.File // for tests: disks that fail
}

// LiveIntake takes one stream's events as they arrive. It holds the stream: nobody else may seal batches of it meanwhile.
// Methods may be called from several goroutines at once.
type LiveIntake struct {
	in       *Intake
	stream   *project.Stream
	options  LiveOptions
	computer *computer
	queue    queue
	keys     pendingKeys
	commands chan command
	tables   sync.Mutex      // held while runs of the dedupe index are opened, or go
	ctx      context.Context // of everything that belongs to no caller
	cancel   context.CancelFunc
	stopped  chan struct{} // closed when the loop has ended

	recoveries atomic.Uint64 // how often the spool was, since the start

	// The loop's own.
	open         *openBatch // nil while nothing came in since the last seal
	broken       error      // why the spool has to be recovered before anything is taken
	retryAt      time.Time
	lastReported string // what was logged of it last
	backoff      time.Duration
	folderMade   bool          // the spool folder is made
	compacting   chan struct{} // closed when the last compaction has ended; nil before the first

	discarding <-chan error // the outcome of removing the last sealed batch's spool; nil when nobody waits for it
}

// command is something that the loop does between requests.
type command struct {
	ctx  context.Context
	run  func(ctx context.Context) error
	done chan error
	last bool
}

// OpenLive starts to take a stream in as its events arrive. What an earlier process acknowledged and did not seal is sealed first
// (rule 1); where that fails it is tried again, and nothing else is taken until it succeeds: only this stream stands still.
// Close it; the context is for the start only.
func (in *Intake) OpenLive(ctx context.Context, s *project.Stream, o LiveOptions) (*LiveIntake, error) {
	l := in.newLive(s, o)
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := l.recover(ctx); err != nil {
		if ctx.Err() != nil {
			l.cancel()
			l.computer.close()
			return nil, err
		}
		l.markBroken(err)
		_ = l.reportBroken(err) // it is logged
	}
	go l.loop()
	return l, nil
}

// Recover seals what an earlier process acknowledged and did not seal (rule 1).
func (in *Intake) Recover(ctx context.Context, s *project.Stream, o LiveOptions) error {
	l := in.newLive(s, o)
	defer l.computer.close()
	return l.recover(ctx)
}

func (in *Intake) newLive(s *project.Stream, o LiveOptions) *LiveIntake {
	o.Window = cmp.Or(o.Window, s.Seal.Every, project.DefaultSeal.Every)
	o.MaxEvents = cmp.Or(o.MaxEvents, s.Seal.Events, project.DefaultSeal.Events)
	o.MaxBytes = cmp.Or(o.MaxBytes, s.Seal.Bytes, project.DefaultSeal.Bytes)
	o.DryRun, o.MaxRejected, o.Progress, o.places = false, 0, nil, readPlaces{}
	return &LiveIntake{
		in: in, stream: s, options: o, computer: newComputer(in, s), queue: queue{wake: make(chan struct{}, 1)},
		commands: make(chan command), stopped: make(chan struct{}),
	}
}

// Accept takes a request's events. When it returns an answer, every row is judged, and counts exactly once whatever happens
// (rule 1). After an error the request may be sent again, unchanged: rows that were taken are duplicates then. A
// context that ends meanwhile says nothing about the rows.
func (l *LiveIntake) Accept(ctx context.Context, r Request) (Answer, error) {
	switch {
	case len(r.Key) > spool.MaxKey:
		return Answer{}, failure.Wrap(failure.Data, fmt.Errorf("the idempotency key is %d bytes long: the limit is %d", len(r.Key), spool.MaxKey))
	case len(r.Body) > MaxRequest:
		return Answer{}, failure.Wrap(failure.Data, fmt.Errorf("the request is %d bytes long: the limit is %d", len(r.Body), MaxRequest))
	}
	a := newPendingRequest(l.stream, r)
	a.recoveries = l.recoveries.Load()
	if a.key == "" {
		if err := l.queue.put(a); err != nil {
			return Answer{}, err
		}
		return l.wait(ctx, a)
	}
	if first := l.keys.claim(a); first != nil {
		return awaitFirst(ctx, first, a)
	}
	answer, found, err := l.earlierAnswer(ctx, a)
	if err == nil && !found {
		err = l.queue.put(a)
	}
	if err != nil || found {
		l.keys.drop(a)
		a.answer = answer
		a.finish(err)
		return answer, err
	}
	return l.wait(ctx, a)
}

// awaitFirst waits for the answer of a request with the same key.
func awaitFirst(ctx context.Context, first, again *pendingRequest) (Answer, error) {
	if first.digest != again.digest {
		return Answer{}, ErrKeyReused
	}
	select {
	case <-first.done:
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	answer := first.answer
	answer.Repeated = true
	if first.err != nil {
		return Answer{}, first.err
	}
	return answer, nil
}

// wait waits for a request's answer. One that nobody has taken up in time leaves the queue again.
func (l *LiveIntake) wait(ctx context.Context, a *pendingRequest) (Answer, error) {
	timer := time.NewTimer(maxQueueWait)
	defer timer.Stop()
	for {
		select {
		case <-a.done:
			if a.err != nil {
				return Answer{}, a.err
			}
			return a.answer, nil
		case <-ctx.Done():
			l.withdraw(a, ctx.Err())
			return Answer{}, ctx.Err()
		case <-timer.C:
			l.withdraw(a, ErrBusy)
		}
	}
}

// withdraw ends a request that nobody has taken up.
func (l *LiveIntake) withdraw(a *pendingRequest, err error) {
	if l.queue.remove(a) {
		l.fail(a, err)
	}
}

// fail answers a request that failed.
func (l *LiveIntake) fail(a *pendingRequest, err error) {
	if a.key != "" {
		l.keys.drop(a)
	}
	a.finish(err)
}

// Seal seals the open batch now, if it has anything.
func (l *LiveIntake) Seal(ctx context.Context) error {
	return l.do(ctx, false, l.sealAll)
}

// Ingest seals the open batch, then takes files in as Intake.Ingest does. Requests wait for it a while.
func (l *LiveIntake) Ingest(ctx context.Context, paths []string, o Options) (r Result, err error) {
	return l.exclusively(ctx, func(ctx context.Context) (Result, error) { return l.in.Ingest(ctx, l.stream, paths, o) })
}

// Retry seals the open batch, then takes the stream's quarantine up again as Intake.Retry does.
func (l *LiveIntake) Retry(ctx context.Context, o Options) (Result, error) {
	return l.exclusively(ctx, func(ctx context.Context) (Result, error) { return l.in.Retry(ctx, l.stream, o) })
}

// Retract seals the open batch, then retracts as Intake.Retract does.
func (l *LiveIntake) Retract(ctx context.Context, o RetractOptions) (r Retracted, err error) {
	_, err = l.exclusively(ctx, func(ctx context.Context) (_ Result, err error) {
		r, err = l.in.Retract(ctx, l.stream, o)
		return Result{}, err
	})
	return r, err
}

// AcceptRow seals the open batch, then accepts as Intake.AcceptRow does. The caller tells of the batch that the row is in.
func (l *LiveIntake) AcceptRow(ctx context.Context, o AcceptOptions) (r AcceptedRow, err error) {
	_, err = l.exclusively(ctx, func(ctx context.Context) (_ Result, err error) {
		r, err = l.in.AcceptRow(ctx, l.stream, o)
		return Result{}, err
	})
	return r, err
}

// Dismiss is Intake.Dismiss between requests.
func (l *LiveIntake) Dismiss(ctx context.Context, o DismissOptions) (d Dismissed, err error) {
	err = l.do(ctx, false, func(ctx context.Context) (err error) {
		d, err = l.in.Dismiss(ctx, l.stream, o)
		return err
	})
	return d, err
}

// exclusively runs what seals a batch of its own, between batches of requests.
func (l *LiveIntake) exclusively(ctx context.Context, run func(context.Context) (Result, error)) (r Result, err error) {
	err = l.do(ctx, false, func(ctx context.Context) error {
		if err := l.sealAll(ctx); err != nil {
			return err
		}
		l.awaitCompaction()
		var err error
		if r, err = run(ctx); r.Batch != 0 && l.options.OnSealed != nil {
			l.options.OnSealed(r)
		}
		return err
	})
	return r, err
}

// Close takes no more requests, answers those that wait, seals, and ends. When the context ends first, what is not sealed
// stays in the spool for the next Live.
func (l *LiveIntake) Close(ctx context.Context) error {
	l.queue.close()
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	err := l.do(ctx, true, func(ctx context.Context) error {
		l.ingestQueue()
		return l.sealAll(ctx)
	})
	if errors.Is(err, ErrClosed) {
		err = nil
	}
	if ctx.Err() != nil {
		l.cancel()
	}
	<-l.stopped
	l.cancel()
	return err
}

// do has the loop run something.
func (l *LiveIntake) do(ctx context.Context, last bool, run func(context.Context) error) error {
	c := command{ctx: ctx, run: run, done: make(chan error, 1), last: last}
	select {
	case l.commands <- c:
		return <-c.done
	case <-l.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
