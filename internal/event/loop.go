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
func (l *Live) loop() {
	defer close(l.stopped)
	defer l.awaitTidy()
	defer func() { _ = l.awaitDiscard() }() // a spool that is left is removed at the next start
	defer l.computer.close()
	defer l.giveUp()
	for {
		var due, again <-chan time.Time
		var failed <-chan struct{}
		if l.broken != nil { // also where no request comes that would find it broken
			again = time.After(mostBackoff)
		}
		if l.open != nil {
			due, failed = l.open.timer.C, l.open.ended
		}
		select {
		case <-l.queue.wake:
			l.takeGroup()
		case <-due:
			l.sealLogged()
		case <-again:
			if err := l.mend(l.ctx); err != nil {
				_ = l.report(err) // it is logged
			}
		case <-failed:
			l.fail(l.open.err)
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

// giveUp ends what a stop has left: the spool has everything that was acknowledged.
func (l *Live) giveUp() {
	l.queue.close()
	if l.open != nil {
		l.fail(ErrClosed)
	}
	for {
		asks := l.queue.take(maxWaitingBytes)
		if len(asks) == 0 {
			return
		}
		l.endAll(asks, ErrClosed)
	}
}

func (l *Live) endAll(asks []*ask, err error) {
	for _, a := range asks {
		if !a.isDone() {
			l.end(a, err)
		}
	}
}

// takeAll takes up everything that waits.
func (l *Live) takeAll() {
	for l.takeGroup() {
	}
}

// takeGroup takes up some of the waiting requests: one write to the disk for all of them. It reports whether there were any.
func (l *Live) takeGroup() bool {
	asks := l.queue.take(groupBytes)
	if len(asks) == 0 {
		return false
	}
	if err := l.ready(); err != nil {
		l.endAll(asks, err)
		return true
	}
	if asks = l.known(asks); len(asks) == 0 {
		return true
	}
	if err := l.group(asks); err != nil {
		l.fail(err)
		l.endAll(asks, err)
		return true
	}
	if o := l.open; o.lines >= l.options.MaxEvents || o.spool.Size() >= l.options.MaxBytes {
		l.sealLogged()
	}
	return true
}

// group makes requests durable while they are judged. The order in the spool is the order of judging, so that reading
// it again gives the same verdicts.
func (l *Live) group(asks []*ask) error {
	o := l.open
	from := o.spool.Size()
	for _, a := range asks {
		if err := o.spool.Append(a.key, a.body); err != nil {
			return err
		}
	}
	if err := o.add(asks, from); err != nil {
		return err
	}
	if err := o.spool.Sync(); err != nil {
		return err
	}
	if err := l.expect(o); err != nil {
		return err
	}
	for _, a := range asks {
		a.step()
	}
	return nil
}

// ready opens a batch if none is open, after recovering what an error has left.
func (l *Live) ready() error {
	if l.broken != nil {
		if time.Now().Before(l.retryAt) {
			return l.report(l.broken)
		}
		if err := l.mend(l.ctx); err != nil {
			return l.report(err)
		}
	}
	if l.open != nil {
		return nil
	}
	err := l.begin()
	if err != nil {
		l.breakOff(err)
		return l.report(err)
	}
	return nil
}

// report logs why the stream takes nothing, unless that was said last, and gives the error that requests get meanwhile: they are
// not to blame for it, and may come again.
func (l *Live) report(err error) error {
	if text := err.Error(); l.said != text && l.ctx.Err() == nil {
		l.said = text
		l.in.Log.Error("a stream takes nothing in: it is tried again", "stream", l.stream.Name, "class", failure.Of(err), "error", err)
	}
	if failure.Of(err).Retryable() {
		return err
	}
	return failure.Wrap(failure.Transient, err)
}

// begin opens a batch with a spool of its own.
func (l *Live) begin() error {
	if !l.folder {
		if err := spool.MakeFolder(l.options.Spool); err != nil {
			return err
		}
		l.folder = true
	}
	h := spool.Header{Stream: l.stream.Name, Opened: l.in.Now().UTC().Truncate(time.Microsecond)}
	o, err := l.openBatch(l.ctx, h)
	if err != nil {
		return err
	}
	h.Number = o.work.spool
	if o.spool, err = l.createSpool(h); err != nil {
		o.abort()
		return err
	}
	o.timer.Reset(l.options.Window)
	l.open = o
	return nil
}

func (l *Live) createSpool(h spool.Header) (*spool.Writer, error) {
	file, err := spool.Create(l.options.Spool, h.Number)
	if err != nil {
		return nil, err
	}
	if l.options.wrap != nil {
		file = l.options.wrap(file)
	}
	return spool.NewWriter(file, h)
}

// known answers requests whose keys a recovery has brought back since they were looked up.
func (l *Live) known(asks []*ask) []*ask {
	recovered := l.recovered.Load()
	if !slices.ContainsFunc(asks, func(a *ask) bool { return a.key != "" && a.seen != recovered }) {
		return asks
	}
	var rest []*ask
	for _, a := range asks {
		if a.key == "" || a.seen == recovered {
			rest = append(rest, a)
			continue
		}
		answer, found, err := l.remembered(l.ctx, a)
		switch {
		case err != nil:
			l.end(a, err)
		case found:
			a.answer = answer
			l.end(a, nil)
		default:
			rest = append(rest, a)
		}
	}
	return rest
}

// fail gives the open batch up: requests without an answer fail, and what was acknowledged is in the spool.
func (l *Live) fail(err error) {
	o := l.open
	l.open = nil
	o.abort()
	for _, g := range o.groups {
		l.endAll(g.asks, err)
	}
	l.breakOff(err)
}

// breakOff has the spool recovered before anything else is taken.
func (l *Live) breakOff(err error) {
	l.broken = fmt.Errorf("take events of %s in: %w", l.stream.Name, err)
	l.backoff = min(max(2*l.backoff, leastBackoff), mostBackoff)
	l.retryAt = time.Now().Add(l.backoff)
}

// mend recovers from an error.
func (l *Live) mend(ctx context.Context) error {
	if err := l.recover(ctx); err != nil {
		l.breakOff(err)
		return err
	}
	l.broken, l.backoff, l.said = nil, 0, ""
	l.recovered.Add(1)
	l.keys.dropDone()
	return nil
}
