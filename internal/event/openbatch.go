package event

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event/spool"
	"bursar/internal/project"
)

// openBatch is a batch of requests in the making.
type openBatch struct {
	work   *work
	spool  *spool.Writer // nil while a spool is read again
	file   *File         // the spool, as batches name it
	lines  int64
	groups []group // that may have no answer yet
	timer  *time.Timer
	cancel context.CancelFunc
	ctx    context.Context
	cut    time.Time     // when in was closed: what was received before is in the batch (rule 3)
	in     chan *segment // to the flow
	ended  chan struct{} // closed when the flow has ended
	err    error         // why it did, before in was closed
}

// group is requests that are judged and made durable together, so that they have their answers together.
type group struct {
	asks []*ask
	from int64 // where they begin in the spool
}

// openBatch starts the flow of a batch. Without a number it gets the one after the last sealed spool's.
func (l *Live) openBatch(ctx context.Context, h spool.Header) (*openBatch, error) {
	l.swap.Lock()
	w, err := l.in.beginAt(ctx, l.stream, l.options.Options, h.Opened)
	l.swap.Unlock()
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
	o := &openBatch{work: w, file: file, in: make(chan *segment), ended: make(chan struct{})}
	o.timer = time.NewTimer(time.Hour)
	o.timer.Stop()
	o.ctx, o.cancel = context.WithCancel(ctx)
	go func() {
		defer close(o.ended)
		o.err = w.flow(o.ctx, o.feed)
	}()
	return o, nil
}

// feed hands segments on to the flow until the batch is cut.
func (o *openBatch) feed(ctx context.Context) error {
	for {
		select {
		case seg, more := <-o.in:
			if !more {
				o.work.batch.Sealed = o.cut
				return nil
			}
			if err := o.work.send(ctx, seg); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add sends requests down the flow as one segment.
func (o *openBatch) add(asks []*ask, from int64) error {
	size := 0
	for _, a := range asks {
		size += len(a.body) + 1
	}
	text := make([]byte, 0, size)
	seg := o.work.segment(nil, o.file)
	seg.first, seg.asks = o.lines+1, asks
	for _, a := range asks {
		a.first = o.lines + 1
		from := len(text)
		text = a.appendLines(text)
		o.lines += int64(bytes.Count(text[from:], []byte{'\n'}))
		o.count(a)
	}
	seg.text = text
	o.prune()
	o.groups = append(o.groups, group{asks, from})
	select {
	case o.in <- seg:
		return nil
	case <-o.ended:
		return o.err
	}
}

// count takes a request into the batch; its body is part of a segment from now on.
func (o *openBatch) count(a *ask) {
	o.work.mu.Lock()
	defer o.work.mu.Unlock()
	o.file.Bytes += a.size
	if a.key != "" {
		o.work.keyed = append(o.work.keyed, a)
	}
	a.body = nil
}

// prune forgets requests that have their answers.
func (o *openBatch) prune() {
	n := 0
	for n < len(o.groups) && o.groups[n].asks[0].isDone() {
		n++
	}
	o.groups = o.groups[n:]
}

// seal cuts the batch and seals it.
func (o *openBatch) seal(ctx context.Context, now time.Time) (Result, error) {
	o.timer.Stop()
	o.cut = now.UTC().Truncate(time.Microsecond)
	close(o.in)
	select {
	case <-o.ended:
	case <-ctx.Done():
		o.cancel()
		<-o.ended
	}
	if o.err != nil {
		return Result{}, o.err
	}
	result, err := o.work.conclude(ctx)
	if err != nil {
		return Result{}, err
	}
	o.work.close()
	o.cancel()
	return result, nil
}

// abort gives the batch up; nothing of it is sealed.
func (o *openBatch) abort() {
	o.timer.Stop()
	o.cancel()
	<-o.ended
	o.work.close()
	if o.spool == nil {
		return
	}
	// Requests that nobody was promised anything about are taken out again: one that cannot be judged would fail
	// every recovery, and hold the stream for ever. Where it does not succeed they are taken in.
	if o.prune(); len(o.groups) > 0 {
		_ = o.spool.Cut(o.groups[0].from)
	}
	_ = o.spool.Close() // what it holds durably is read again
}

// recover seals what acknowledged requests an earlier life has left in spools (rule 1). Doing so at once means that nothing
// is acknowledged on top of a file whose last write may have failed.
func (l *Live) recover(ctx context.Context) error {
	numbers, err := spool.List(l.options.Spool)
	if err != nil || len(numbers) == 0 {
		return err
	}
	var state streamState
	err = l.in.Catalog.View(ctx, func(tx catalog.Tx) error {
		_, err := tx.Get(streamKey(l.stream.Name), &state)
		return err
	})
	if err != nil {
		return fmt.Errorf("read state of stream %s: %w", l.stream.Name, err)
	}
	for _, number := range numbers {
		if number > state.Spools {
			if err := l.replay(ctx, number); err != nil {
				return fmt.Errorf("recover acknowledged events of stream %s from %s: %w", l.stream.Name, spool.Path(l.options.Spool, number), err)
			}
		}
		if err := spool.Remove(l.options.Spool, number); err != nil {
			return err
		}
	}
	return nil
}

// replay takes a spool's requests up again and seals them.
func (l *Live) replay(ctx context.Context, number uint64) error {
	in, err := spool.Open(l.options.Spool, number)
	if err != nil {
		return err
	}
	defer in.Close()
	asks, err := l.read(in)
	if err != nil || len(asks) == 0 { // nothing in it was acknowledged
		return err
	}
	o, err := l.openBatch(ctx, in.Header)
	if err != nil {
		return err
	}
	for len(asks) > 0 {
		if err = o.add(asks, 0); err != nil {
			break
		}
		if asks, err = l.read(in); err != nil {
			break
		}
	}
	var result Result
	if err == nil {
		result, err = o.seal(ctx, l.in.Now())
	}
	if err != nil {
		o.abort()
		return err
	}
	if result.Batch != 0 && l.options.Sealed != nil {
		l.options.Sealed(result)
	}
	return nil
}

// read reads about as much as is judged together.
func (l *Live) read(in *spool.Reader) (asks []*ask, err error) {
	for size := int64(0); size < groupBytes; {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		a := newAsk(l.stream, Request{Key: r.Key, Body: r.Body})
		asks = append(asks, a)
		size += a.size
	}
	return asks, nil
}
