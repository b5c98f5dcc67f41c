// The open batch of live intake: requests on their way to a sealed batch.

package live

import (
	"bytes"
	"context"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/intake"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/event/scan"
)

// openBatch is a batch of requests that is not sealed yet.
type openBatch struct {
	batch     *intake.OpenBatch
	stream    string
	spool     *spool.Writer     // nil while a spool is replayed
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
		p.firstLine = o.batch.Lines() + lines + 1
		start := len(text)
		text = p.appendLines(text)
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

// prune removes answered groups from the front.
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
		return answers.Put(tx, o.stream, o.batch.Spool(), sealed, list)
	})
}

// abort gives up the batch without sealing anything.
func (o *openBatch) abort() {
	o.timer.Stop()
	o.batch.Abort()
	if o.spool == nil {
		return
	}
	// Unacknowledged requests are removed from the spool: one that cannot be processed would fail every recovery and block the stream forever. If the
	// removal fails they are ingested.
	if o.prune(); len(o.groups) > 0 {
		_ = o.spool.Cut(o.groups[0].offset)
	}
	_ = o.spool.Close() // its durable content is read again
}
