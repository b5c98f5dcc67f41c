// The open batch of live intake: requests on their way to a sealed batch.

package event

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"bursar/internal/event/scan"
	"bursar/internal/event/spool"
	"bursar/internal/project"
)

// openBatch is a batch of requests that is not sealed yet.
type openBatch struct {
	writer        *batchWriter
	spool         *spool.Writer // nil while a spool is replayed
	file          *File         // the spool, as recorded in the batch
	lines         int64
	groups        []requestGroup // groups that may be unanswered
	announced     bool           // the catalog expects the spool
	timer         *time.Timer
	cancel        context.CancelFunc
	ctx           context.Context
	receivedUntil time.Time     // when input was closed: everything received before is in the batch (rule 3)
	input         chan *segment // segments for the flow
	flowDone      chan struct{} // closed when the flow has ended
	err           error         // why the flow ended before input was closed
}

// requestGroup is requests that are checked and made durable together, so that they are answered together.
type requestGroup struct {
	requests []*pendingRequest
	offset   int64 // where they begin in the spool
}

// openBatch starts the flow of a batch. Without a number the spool gets the one after the last sealed spool.
func (l *LiveIntake) openBatch(ctx context.Context, h spool.Header) (*openBatch, error) {
	l.tables.Lock()
	w, err := beginAt(ctx, l.store, l.stream, l.options.Options, h.Opened)
	l.tables.Unlock()
	if err != nil {
		return nil, err
	}
	w.computer = l.computer
	if w.spool = h.Number; w.spool == 0 {
		w.spool = w.state.Spools + 1
	}
	file := &File{
		Number: w.state.Files + 1, Name: fmt.Sprintf("received/%08d.jsonl", w.spool), Batch: w.batch.Batch,
		Format: string(project.JSONL),
	}
	w.files = []*File{file}
	o := &openBatch{writer: w, file: file, input: make(chan *segment), flowDone: make(chan struct{})}
	o.timer = time.NewTimer(time.Hour)
	o.timer.Stop()
	o.ctx, o.cancel = context.WithCancel(ctx)
	go func() {
		defer close(o.flowDone)
		o.err = w.flow(o.ctx, o.feed)
	}()
	return o, nil
}

// feed passes segments on to the flow until the batch is closed.
func (o *openBatch) feed(ctx context.Context) error {
	for {
		select {
		case seg, more := <-o.input:
			if !more {
				o.writer.batch.Sealed = o.receivedUntil
				return nil
			}
			if err := o.writer.enqueue(ctx, seg); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add sends requests to the flow as one segment.
func (o *openBatch) add(requests []*pendingRequest, offset int64) error {
	size := 0
	for _, p := range requests {
		size += len(p.body) + 1
	}
	text := make([]byte, 0, size+scan.PaddingBytes)
	seg := o.writer.segment(nil, o.file)
	seg.firstLine, seg.requests = o.lines+1, requests
	for _, p := range requests {
		p.firstLine = o.lines + 1
		start := len(text)
		text = p.appendLines(text)
		o.lines += int64(bytes.Count(text[start:], []byte{'\n'}))
		o.countRequest(p)
	}
	seg.text = text
	o.prune()
	o.groups = append(o.groups, requestGroup{requests, offset})
	select {
	case o.input <- seg:
		return nil
	case <-o.flowDone:
		return o.err
	}
}

// countRequest adds a request to the batch. Its body belongs to a segment from now on.
func (o *openBatch) countRequest(p *pendingRequest) {
	o.writer.mu.Lock()
	defer o.writer.mu.Unlock()
	o.file.Bytes += p.size
	if p.key != "" {
		o.writer.keyedRequests = append(o.writer.keyedRequests, p)
	}
	p.body = nil
}

// prune removes answered groups from the front.
func (o *openBatch) prune() {
	n := 0
	for n < len(o.groups) && o.groups[n].requests[0].isDone() {
		n++
	}
	o.groups = o.groups[n:]
}

// seal closes the batch and seals it.
func (o *openBatch) seal(ctx context.Context, now time.Time) (Result, error) {
	o.timer.Stop()
	o.receivedUntil = later(now.UTC().Truncate(time.Microsecond), o.writer.received)
	close(o.input)
	select {
	case <-o.flowDone:
	case <-ctx.Done():
		o.cancel()
		<-o.flowDone
	}
	if o.err != nil {
		return Result{}, o.err
	}
	result, err := o.writer.checkAndSeal(ctx)
	if err != nil {
		return Result{}, err
	}
	o.writer.close()
	o.cancel()
	return result, nil
}

// abort gives up the batch without sealing anything.
func (o *openBatch) abort() {
	o.timer.Stop()
	o.cancel()
	<-o.flowDone
	o.writer.close()
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
