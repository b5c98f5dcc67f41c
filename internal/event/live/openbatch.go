// The open batch of live intake: requests on their way to a sealed batch.

package live

import (
	"bytes"
	"context"
	"errors"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/event/scan"
)

// openBatch is a batch of requests that is not sealed yet.
type openBatch struct {
	batch     *intake.OpenBatch
	stream    string
	spool     spool.Writer      // nil while a spool is replayed
	keyed     []*pendingRequest // requests whose answers are stored by their keys
	groups    []requestGroup    // groups that may be unanswered
	announced bool              // the catalog expects the spool
	timer     *time.Timer
}

// openBatch starts a batch. Without a number the spool gets the one after the last sealed spool.
func (l *Intake) openBatch(ctx context.Context, h spool.Header) (*openBatch, error) {
	l.tables.Lock()
	b, err := l.receiver.Begin(ctx, h.Opened, h.Number)
	l.tables.Unlock()
	if err != nil {
		return nil, err
	}
	o := &openBatch{batch: b, stream: l.stream.Name, timer: time.NewTimer(time.Hour)}
	o.timer.Stop()
	return o, nil
}

// add sends requests to the batch, to be checked together.
func (o *openBatch) add(requests []*pendingRequest, offset int64) error {
	size, spare := int64(0), scan.PaddingBytes
	for _, p := range requests {
		size += p.size
		spare += len(p.body) + 1
	}
	text, lines := make([]byte, 0, spare), int64(0)
	for _, p := range requests {
		p.firstLine = o.batch.Lines + lines + 1
		start := len(text)
		text = append(text, bytes.TrimPrefix(p.body, []byte("\xef\xbb\xbf"))...)
		if len(text) > start && text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
		lines += int64(bytes.Count(text[start:], []byte{'\n'}))
		if p.key != "" {
			o.keyed = append(o.keyed, p)
		}
		p.body = nil // it belongs to the batch from now on
	}
	o.prune()
	g := requestGroup{requests, offset}
	o.groups = append(o.groups, g)
	return o.batch.Add(intake.Received{Text: text, Lines: lines, Bytes: size, Source: g})
}

func (o *openBatch) prune() {
	n := 0
	for n < len(o.groups) && o.groups[n].requests[0].isDone() {
		n++
	}
	o.groups = o.groups[n:]
}

// seal closes the batch and seals it, with the answers to its requests.
func (o *openBatch) seal(ctx context.Context, now time.Time) (intake.Result, error) {
	o.timer.Stop()
	return o.batch.Seal(ctx, now, func(tx catalog.Tx, sealed time.Time) error {
		list := make([]answers.Keyed, len(o.keyed))
		for i, p := range o.keyed {
			list[i] = answers.Keyed{Key: p.key, Digest: p.digest, Answer: p.answer}
		}
		return answers.Put(tx, o.stream, o.batch.Spool, sealed, list)
	})
}

// abort gives up the batch without sealing anything.
func (o *openBatch) abort(ctx context.Context) {
	o.timer.Stop()
	o.batch.Abort()
	if o.spool == nil {
		return
	}
	// Unacknowledged requests are removed from the spool: one that cannot be processed would fail every recovery and block the stream forever. If the
	// removal fails they are ingested.
	if o.prune(); len(o.groups) > 0 {
		_ = o.spool.Cut(ctx, o.groups[0].offset)
	}
	_ = o.spool.Close() // its durable content is read again
}

// sealAll recovers a broken stream and seals the open batch.
func (l *Intake) sealAll(ctx context.Context) error {
	if l.broken != nil {
		if err := l.recoverBroken(ctx); err != nil {
			return err
		}
	}
	if err := l.seal(ctx); err != nil {
		return err
	}
	return l.awaitDiscard()
}

// sealLogged seals when nobody waits for the result. If it fails, the next request gets the error.
func (l *Intake) sealLogged() {
	if err := l.seal(l.ctx); err != nil {
		l.store.Log.Error("seal batch; retrying from the spool", "stream", l.stream.Name, "error", err)
	}
}

// seal seals the open batch. After an error the spool contains all of it.
func (l *Intake) seal(ctx context.Context) error {
	o := l.open
	if o == nil {
		return nil
	}
	result, err := o.seal(ctx, l.store.Now())
	if err != nil {
		l.failBatch(err)
		return err
	}
	l.open = nil
	for _, p := range o.keyed { // their answers are in the catalog
		l.keys.CompareAndDelete(p.key, p)
	}
	l.compactInBackground()
	l.reportSealed(result)
	err = l.awaitDiscard()
	l.discard(o)
	return err
}

// discard removes the spool of a sealed batch in the background: that takes as long as sealing it. The catalog records that the spool
// is sealed, so a leftover is only removed (see recover).
func (l *Intake) discard(o *openBatch) {
	done := make(chan error, 1)
	l.discarding = done
	go func() { done <- errors.Join(o.spool.Close(), l.options.Spool.Remove(l.ctx, o.spool.ID())) }()
}

// awaitDiscard waits until the last sealed batch's spool is removed. After an error the stream is recovered, which retries.
func (l *Intake) awaitDiscard() error {
	if l.discarding == nil {
		return nil
	}
	err := <-l.discarding
	l.discarding = nil
	if err != nil {
		l.markBroken(err)
	}
	return err
}

// compactInBackground starts a compaction that runs alongside the next batches, since merging large tables takes long.
func (l *Intake) compactInBackground() {
	if l.compacting != nil {
		select {
		case <-l.compacting:
		default:
			return // the next seal tries again
		}
	}
	done := make(chan struct{})
	l.compacting = done
	go func() {
		defer close(done)
		if err := ids.Compact(l.ctx, l.store, l.stream, &l.tables); err != nil && l.ctx.Err() == nil {
			l.store.Log.Error("compact dedupe index; retrying after the next batch", "stream", l.stream.Name, "error", err)
		}
	}()
}

// awaitCompaction waits for a running compaction. Whatever seals batches outside the loop compacts too.
func (l *Intake) awaitCompaction() {
	if l.compacting != nil {
		<-l.compacting
	}
}
