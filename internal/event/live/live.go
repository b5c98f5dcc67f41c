// Package live ingests requests of a stream as they arrive. A request is answered when its rows are checked and its body is durable in the spool
// of a process that owns the stream (rule 1). One loop writes the spool and seals the open batch; after an error, or the death of a process, the spool is sealed first. Repeated
// requests with an idempotency key get the first answer. What becomes of rows is decided in package intake; this package must not parse them.
package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// MaxRequest is the largest body that live intake accepts, in bytes.
const MaxRequest = 64 << 20

// Options configure live intake of a stream. MaxRejected and DryRun of Options do not apply: acknowledged events are always sealed.
type Options struct {
	intake.Options
	Spool     spool.Store         // this stream's spools
	Window    time.Duration       // a batch is sealed this long after its first event; 0 is the stream's declaration
	MaxEvents int64               // or when it has about this many lines; 0 is the stream's declaration
	MaxBytes  int64               // or when its spool has this many bytes; 0 is the stream's declaration
	OnSealed  func(intake.Result) // called for each sealed batch, in order; must return at once; may be nil

	OnLoss func(spool.Loss) // called after a possible loss of acknowledged requests was recorded; may be nil

	// Confirm fails if another process may own the stream now. It is called after requests are durable and before they are acknowledged, so that
	// the next owner, who looks for them after it has become one, finds all that were. May be nil, if a lock keeps other processes away.
	Confirm func(context.Context) error
}

// Intake ingests one stream's events as they arrive. It holds the stream exclusively. Methods may be called from several goroutines at once.
type Intake struct {
	store    *event.Store
	stream   *project.Stream
	options  Options
	receiver *intake.Receiver
	queue    queue
	keys     sync.Map // the requests with keys that are in progress or whose batch is not sealed yet: *pendingRequest by key
	commands chan command
	tables   sync.Mutex      // locked while tables of the dedupe index are opened or deleted
	ctx      context.Context // of everything that belongs to no caller
	cancel   context.CancelFunc
	stopped  chan struct{} // closed when the loop has ended

	recoveries atomic.Uint64 // number of spool recoveries since the start

	// Used by the loop only.
	open         *openBatch // nil if nothing was received since the last seal
	broken       error      // why the spool must be recovered before anything is accepted
	retryAt      time.Time
	lastReported string        // the error that was logged last
	failures     int           // in a row
	compacting   chan struct{} // closed when the last compaction has ended; nil before the first

	discarding <-chan error // the result of removing the last sealed batch's spool; nil if it was read
}

// command is something that the loop runs between requests.
type command struct {
	ctx  context.Context
	run  func(ctx context.Context) error
	done chan error
	last bool
}

// Open starts live intake of a stream. Requests that an earlier process acknowledged and did not seal are sealed first (rule 1). If that fails it
// is retried, and the stream accepts nothing until it succeeds; other streams are not affected. Close the result; ctx is for the start only.
func Open(ctx context.Context, st *event.Store, s *project.Stream, o Options) (*Intake, error) {
	l := newLive(st, s, o)
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := l.recover(ctx); err != nil {
		if ctx.Err() != nil {
			l.cancel()
			l.receiver.Close()
			return nil, err
		}
		l.markBroken(err)
		_ = l.reportBroken(err) // logged, too
	}
	go l.loop()
	return l, nil
}

// Recover seals the requests that an earlier process acknowledged and did not seal (rule 1).
func Recover(ctx context.Context, st *event.Store, s *project.Stream, o Options) error {
	l := newLive(st, s, o)
	defer l.receiver.Close()
	return l.recover(ctx)
}

func newLive(st *event.Store, s *project.Stream, o Options) *Intake {
	o.Window = cmp.Or(o.Window, s.Seal.Every, project.DefaultSeal.Every)
	o.MaxEvents = cmp.Or(o.MaxEvents, s.Seal.Events, project.DefaultSeal.Events)
	o.MaxBytes = cmp.Or(o.MaxBytes, s.Seal.Bytes, project.DefaultSeal.Bytes)
	return &Intake{
		store: st, stream: s, options: o, receiver: intake.NewReceiver(st, s, o.Options), queue: queue{wake: make(chan struct{}, 1)},
		commands: make(chan command), stopped: make(chan struct{}),
	}
}

// Accept ingests the events of a request. When it returns an answer, every row is checked, and counts exactly once whatever happens (rule 1). After
// an error the request may be sent again unchanged: rows that were accepted are duplicates then. If ctx ends, the outcome is unknown.
func (l *Intake) Accept(ctx context.Context, r Request) (answers.Answer, error) {
	switch {
	case len(r.Key) > spool.MaxKey:
		return answers.Answer{}, failure.Wrap(failure.Data, fmt.Errorf("the idempotency key is %d bytes long: the limit is %d", len(r.Key), spool.MaxKey))
	case len(r.Body) > MaxRequest:
		return answers.Answer{}, failure.Wrap(failure.Data, fmt.Errorf("the request is %d bytes long: the limit is %d", len(r.Body), MaxRequest))
	}
	p := newPendingRequest(l.stream, r)
	p.recoveries = l.recoveries.Load()
	if p.key == "" {
		if err := l.queue.put(p); err != nil {
			return answers.Answer{}, err
		}
		return l.wait(ctx, p)
	}
	if earlier, taken := l.keys.LoadOrStore(p.key, p); taken {
		first, _ := earlier.(*pendingRequest) // nothing else is stored
		return awaitFirst(ctx, first, p)
	}
	answer, found, err := answers.Find(ctx, l.store.Catalog, l.stream.Name, p.key, p.digest, l.store.Now())
	if err == nil && !found {
		err = l.queue.put(p)
	}
	if err != nil || found {
		l.keys.CompareAndDelete(p.key, p)
		p.answer = answer
		p.finish(err)
		return answer, err
	}
	return l.wait(ctx, p)
}

// awaitFirst waits for the answer to an earlier request with the same key.
func awaitFirst(ctx context.Context, first, again *pendingRequest) (answers.Answer, error) {
	if first.digest != again.digest {
		return answers.Answer{}, answers.ErrKeyReused
	}
	select {
	case <-first.done:
	case <-ctx.Done():
		return answers.Answer{}, ctx.Err()
	}
	if first.err != nil {
		return answers.Answer{}, first.err
	}
	answer := first.answer
	answer.Repeated = true
	return answer, nil
}

// wait waits for a request's answer. A request that is not taken from the queue in time is withdrawn.
func (l *Intake) wait(ctx context.Context, p *pendingRequest) (answers.Answer, error) {
	timer := time.NewTimer(maxQueueWait)
	defer timer.Stop()
	for {
		select {
		case <-p.done:
			if p.err != nil {
				return answers.Answer{}, p.err
			}
			return p.answer, nil
		case <-ctx.Done():
			l.withdraw(p, ctx.Err())
			return answers.Answer{}, ctx.Err()
		case <-timer.C:
			l.withdraw(p, ErrBusy)
		}
	}
}

func (l *Intake) withdraw(p *pendingRequest, err error) {
	if l.queue.remove(p) {
		l.fail(p, err)
	}
}

func (l *Intake) fail(p *pendingRequest, err error) {
	l.keys.CompareAndDelete(p.key, p)
	p.finish(err)
}

// Seal seals the open batch now, if there is one.
func (l *Intake) Seal(ctx context.Context) error {
	return l.do(ctx, false, l.sealAll)
}

// Dismiss calls Store.Dismiss between requests.
func (l *Intake) Dismiss(ctx context.Context, o event.DismissOptions) (d event.Dismissed, err error) {
	err = l.do(ctx, false, func(ctx context.Context) (err error) {
		d, err = l.store.Dismiss(ctx, l.stream, o)
		return err
	})
	return d, err
}

// Exclusively seals the open batch, then calls run, which may seal a batch of its own, between batches of requests: they wait meanwhile.
// OnSealed is not called for that batch.
func Exclusively[T any](ctx context.Context, l *Intake, run func(context.Context) (T, error)) (r T, err error) {
	err = l.do(ctx, false, func(ctx context.Context) (err error) {
		if err := l.sealAll(ctx); err != nil {
			return err
		}
		l.awaitCompaction()
		r, err = run(ctx)
		return err
	})
	return r, err
}

func (l *Intake) reportSealed(r intake.Result) {
	if r.Batch != 0 && l.options.OnSealed != nil {
		l.options.OnSealed(r)
	}
}

// Close accepts no more requests, answers those that wait, seals and ends. If ctx ends first, unsealed requests stay in the spool for the next
// Intake.
func (l *Intake) Close(ctx context.Context) error {
	l.queue.close()
	stop := context.AfterFunc(ctx, l.cancel)
	defer stop()
	err := l.do(ctx, true, func(ctx context.Context) error {
		for l.ingestGroup() {
		}
		return l.sealAll(ctx)
	})
	if errors.Is(err, ErrClosed) {
		err = nil
	}
	<-l.stopped
	l.cancel()
	return err
}

func (l *Intake) do(ctx context.Context, last bool, run func(context.Context) error) error {
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
