// The loop of live intake: groups of requests, seals and recovery.

package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
)

// groupBytes is about how many bytes of waiting requests are made durable and checked together.
const groupBytes = 4 << 20

// backoff is the wait before a broken stream is recovered.
var backoff = failure.Backoff{Least: 100 * time.Millisecond, Most: 10 * time.Second}

// loop is the only goroutine that writes the spool and seals batches.
func (l *Intake) loop() {
	defer close(l.stopped)
	defer l.awaitCompaction()
	defer func() { _ = l.awaitDiscard() }() // a leftover spool is removed at the next start
	defer l.receiver.Close()
	defer l.shutDown()
	for {
		var due, again <-chan time.Time
		var failed <-chan struct{}
		if l.broken != nil { // retry even if no request arrives
			again = time.After(backoff.Most)
		}
		if l.open != nil {
			due, failed = l.open.timer.C, l.open.batch.Done()
		}
		select {
		case <-l.queue.wake:
			l.ingestGroup()
		case <-due:
			l.sealLogged()
		case <-again:
			if err := l.recoverBroken(l.ctx); err != nil {
				_ = l.reportBroken(err) // logged, too
			}
		case <-failed:
			l.failBatch(l.open.batch.Err)
		case c := <-l.commands:
			c.done <- c.run(c.ctx)
			if c.last {
				return
			}
		case <-l.ctx.Done():
			return
		}
	}
}

// shutDown fails what is left after a stop: the spool contains everything that was acknowledged.
func (l *Intake) shutDown() {
	l.queue.close()
	if l.open != nil {
		l.failBatch(ErrClosed)
	}
	for requests := l.queue.pop(maxWaitingBytes); len(requests) > 0; requests = l.queue.pop(maxWaitingBytes) {
		l.failAll(requests, ErrClosed)
	}
}

func (l *Intake) failAll(requests []*pendingRequest, err error) {
	for _, p := range requests {
		if !p.isDone() {
			l.fail(p, err)
		}
	}
}

// ingestGroup ingests some of the waiting requests, with one write to the spool. It reports whether there were any.
func (l *Intake) ingestGroup() bool {
	requests := l.queue.pop(groupBytes)
	if len(requests) == 0 {
		return false
	}
	if err := l.ensureOpen(); err != nil {
		l.failAll(requests, err)
		return true
	}
	if requests = l.answerKnown(requests); len(requests) == 0 {
		return true
	}
	if err := l.appendGroup(requests); err != nil {
		l.failBatch(err)
		l.failAll(requests, err)
		return true
	}
	if o := l.open; o.batch.Lines >= l.options.MaxEvents || o.spool.Size() >= l.options.MaxBytes {
		l.sealLogged()
	}
	return true
}

// appendGroup makes requests durable while they are checked. They are checked in the order of the spool, so that reading the spool again
// gives the same verdicts.
func (l *Intake) appendGroup(requests []*pendingRequest) error {
	o := l.open
	offset := o.spool.Size()
	for _, p := range requests {
		if err := o.spool.Append(p.key, p.body); err != nil {
			return err
		}
	}
	if err := o.add(requests, offset); err != nil {
		return err
	}
	if err := o.spool.Sync(l.ctx); err != nil {
		return err
	}
	if err := l.announceSpool(o); err != nil {
		return err
	}
	if err := l.confirm(l.ctx); err != nil {
		return err
	}
	for _, p := range requests {
		p.completeStep()
	}
	return nil
}

// ensureOpen opens a batch if none is open, after recovering from an error.
func (l *Intake) ensureOpen() error {
	if l.broken != nil {
		if time.Now().Before(l.retryAt) {
			return l.reportBroken(l.broken)
		}
		if err := l.recoverBroken(l.ctx); err != nil {
			return l.reportBroken(err)
		}
	}
	if l.open != nil {
		return nil
	}
	if err := l.beginBatch(); err != nil {
		l.markBroken(err)
		return l.reportBroken(err)
	}
	return nil
}

// reportBroken logs why the stream accepts nothing, unless it was logged last. It returns the error for requests meanwhile, as retryable:
// the requests are not at fault.
func (l *Intake) reportBroken(err error) error {
	if text := err.Error(); l.lastReported != text && l.ctx.Err() == nil {
		l.lastReported = text
		l.store.Log.Error("a stream cannot ingest; retrying", "stream", l.stream.Name, "class", failure.Of(err), "error", err)
	}
	if failure.Of(err).Retryable() {
		return err
	}
	return failure.Wrap(failure.Transient, err)
}

func (l *Intake) beginBatch() error {
	h := spool.Header{Stream: l.stream.Name, Opened: l.store.Now().UTC().Truncate(time.Microsecond)}
	o, err := l.openBatch(l.ctx, h)
	if err != nil {
		return err
	}
	h.Number = o.batch.Spool
	if o.spool, err = l.options.Spool.Create(l.ctx, h); err != nil {
		o.abort(l.ctx)
		return err
	}
	o.timer.Reset(l.options.Window)
	l.open = o
	return nil
}

// answerKnown answers requests whose keys a recovery has restored since they were looked up, and returns the others.
func (l *Intake) answerKnown(requests []*pendingRequest) []*pendingRequest {
	recovered := l.recoveries.Load()
	if !slices.ContainsFunc(requests, func(p *pendingRequest) bool { return p.key != "" && p.recoveries != recovered }) {
		return requests
	}
	var rest []*pendingRequest
	for _, p := range requests {
		if p.key == "" || p.recoveries == recovered {
			rest = append(rest, p)
			continue
		}
		answer, found, err := answers.Find(l.ctx, l.store.Catalog, l.stream.Name, p.key, p.digest, l.store.Now())
		switch {
		case err != nil:
			l.fail(p, err)
		case found:
			p.answer = answer
			l.fail(p, nil)
		default:
			rest = append(rest, p)
		}
	}
	return rest
}

// failBatch gives up the open batch: requests without an answer fail. Acknowledged requests are in the spool.
func (l *Intake) failBatch(err error) {
	o := l.open
	l.open = nil
	o.abort(l.ctx)
	for _, g := range o.groups {
		l.failAll(g.requests, err)
	}
	l.markBroken(err)
}

// markBroken requires a recovery of the spool before anything else is accepted.
func (l *Intake) markBroken(err error) {
	l.broken = fmt.Errorf("ingest events of %s: %w", l.stream.Name, err)
	l.failures++
	l.retryAt = time.Now().Add(backoff.After(l.failures))
}

func (l *Intake) recoverBroken(ctx context.Context) error {
	if err := l.recover(ctx); err != nil {
		l.markBroken(err)
		return err
	}
	l.broken, l.failures, l.lastReported = nil, 0, ""
	l.recoveries.Add(1)
	l.keys.Range(func(key, value any) bool { // the answers of answered requests are in the catalog now
		if p, _ := value.(*pendingRequest); p.isDone() {
			l.keys.CompareAndDelete(key, value)
		}
		return true
	})
	return nil
}
