package event

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/event/spool"
	"bursar/internal/failure"
)

// groupBytes is about how much of the waiting requests is made durable at a time, and judged together.
const groupBytes = 4 << 20

// The pauses before a broken stream is recovered, doubling from the least to the most.
const (
	leastBackoff = 100 * time.Millisecond
	mostBackoff  = 10 * time.Second
)

// loop is the one goroutine that writes the spool, cuts batches and seals them.
func (l *LiveIntake) loop() {
	defer close(l.stopped)
	defer l.awaitCompaction()
	defer func() { _ = l.awaitDiscard() }() // a spool that is left is removed at the next start
	defer l.computer.close()
	defer l.shutDown()
	for {
		var due, again <-chan time.Time
		var failed <-chan struct{}
		if l.broken != nil { // also where no request comes that would find it broken
			again = time.After(mostBackoff)
		}
		if l.open != nil {
			due, failed = l.open.timer.C, l.open.flowDone
		}
		select {
		case <-l.queue.wake:
			l.ingestGroup()
		case <-due:
			l.sealLogged()
		case <-again:
			if err := l.recoverBroken(l.ctx); err != nil {
				_ = l.reportBroken(err) // it is logged
			}
		case <-failed:
			l.failBatch(l.open.err)
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

// shutDown ends what a stop has left: the spool has everything that was acknowledged.
func (l *LiveIntake) shutDown() {
	l.queue.close()
	if l.open != nil {
		l.failBatch(ErrClosed)
	}
	for {
		requests := l.queue.pop(maxWaitingBytes)
		if len(requests) == 0 {
			return
		}
		l.failAll(requests, ErrClosed)
	}
}

func (l *LiveIntake) failAll(requests []*pendingRequest, err error) {
	for _, a := range requests {
		if !a.isDone() {
			l.fail(a, err)
		}
	}
}

// ingestQueue takes up everything that waits.
func (l *LiveIntake) ingestQueue() {
	for l.ingestGroup() {
	}
}

// ingestGroup takes up some of the waiting requests: one write to the disk for all of them. It reports whether there were any.
func (l *LiveIntake) ingestGroup() bool {
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
	if o := l.open; o.lines >= l.options.MaxEvents || o.spool.Size() >= l.options.MaxBytes {
		l.sealLogged()
	}
	return true
}

// appendGroup makes requests durable while they are judged. The order in the spool is the order of judging, so that reading
// it again gives the same verdicts.
func (l *LiveIntake) appendGroup(requests []*pendingRequest) error {
	o := l.open
	offset := o.spool.Size()
	for _, a := range requests {
		if err := o.spool.Append(a.key, a.body); err != nil {
			return err
		}
	}
	if err := o.add(requests, offset); err != nil {
		return err
	}
	if err := o.spool.Sync(); err != nil {
		return err
	}
	if err := l.announceSpool(o); err != nil {
		return err
	}
	for _, a := range requests {
		a.completeStep()
	}
	return nil
}

// ensureOpen opens a batch if none is open, after recovering what an error has left.
func (l *LiveIntake) ensureOpen() error {
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
	err := l.beginBatch()
	if err != nil {
		l.markBroken(err)
		return l.reportBroken(err)
	}
	return nil
}

// reportBroken logs why the stream takes nothing, unless that was said last, and gives the error that requests get meanwhile: they are
// not to blame for it, and may come again.
func (l *LiveIntake) reportBroken(err error) error {
	if text := err.Error(); l.lastReported != text && l.ctx.Err() == nil {
		l.lastReported = text
		l.in.Log.Error("a stream takes nothing in: it is tried again", "stream", l.stream.Name, "class", failure.Of(err), "error", err)
	}
	if failure.Of(err).Retryable() {
		return err
	}
	return failure.Wrap(failure.Transient, err)
}

// beginBatch opens a batch with a spool of its own.
func (l *LiveIntake) beginBatch() error {
	if !l.folderMade {
		if err := spool.MakeFolder(l.options.Spool); err != nil {
			return err
		}
		l.folderMade = true
	}
	h := spool.Header{Stream: l.stream.Name, Opened: l.in.Now().UTC().Truncate(time.Microsecond)}
	o, err := l.openBatch(l.ctx, h)
	if err != nil {
		return err
	}
	h.Number = o.writer.spool
	if o.spool, err = l.createSpool(h); err != nil {
		o.abort()
		return err
	}
	o.timer.Reset(l.options.Window)
	l.open = o
	return nil
}

func (l *LiveIntake) createSpool(h spool.Header) (*spool.Writer, error) {
	file, err := spool.Create(l.options.Spool, h.Number)
	if err != nil {
		return nil, err
	}
	if l.options.wrap != nil {
		file = l.options.wrap(file)
	}
	return spool.NewWriter(file, h)
}

// answerKnown answers requests whose keys a recovery has brought back since they were looked up.
func (l *LiveIntake) answerKnown(requests []*pendingRequest) []*pendingRequest {
	recovered := l.recoveries.Load()
	if !slices.ContainsFunc(requests, func(a *pendingRequest) bool { return a.key != "" && a.recoveries != recovered }) {
		return requests
	}
	var rest []*pendingRequest
	for _, a := range requests {
		if a.key == "" || a.recoveries == recovered {
			rest = append(rest, a)
			continue
		}
		answer, found, err := l.earlierAnswer(l.ctx, a)
		switch {
		case err != nil:
			l.fail(a, err)
		case found:
			a.answer = answer
			l.fail(a, nil)
		default:
			rest = append(rest, a)
		}
	}
	return rest
}

// failBatch gives the open batch up: requests without an answer fail, and what was acknowledged is in the spool.
func (l *LiveIntake) failBatch(err error) {
	o := l.open
	l.open = nil
	o.abort()
	for _, g := range o.groups {
		l.failAll(g.requests, err)
	}
	l.markBroken(err)
}

// markBroken has the spool recovered before anything else is taken.
func (l *LiveIntake) markBroken(err error) {
	l.broken = fmt.Errorf("take events of %s in: %w", l.stream.Name, err)
	l.backoff = min(max(2*l.backoff, leastBackoff), mostBackoff)
	l.retryAt = time.Now().Add(l.backoff)
}

// recoverBroken recovers from an error.
func (l *LiveIntake) recoverBroken(ctx context.Context) error {
	if err := l.recover(ctx); err != nil {
		l.markBroken(err)
		return err
	}
	l.broken, l.backoff, l.lastReported = nil, 0, ""
	l.recoveries.Add(1)
	l.keys.dropDone()
	return nil
}
