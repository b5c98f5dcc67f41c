// Batches of rows that are received one delivery after another, instead of being read from files.

package intake

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/project"
)

// Receiver begins batches of received rows of one stream. It keeps DuckDB sessions from one batch to the next.
type Receiver struct {
	store    *event.Store
	stream   *project.Stream
	options  Options
	computer *computer
}

// NewReceiver returns a receiver. MaxRejected, DryRun and Progress of Options do not apply. Close the result.
func NewReceiver(st *event.Store, s *project.Stream, o Options) *Receiver {
	o.DryRun, o.MaxRejected, o.Progress, o.places = false, 0, nil, ids.ReadPlaces{}
	return &Receiver{store: st, stream: s, options: o, computer: newComputer(st, s)}
}

// Close closes the sessions.
func (r *Receiver) Close() { r.computer.close() }

// OpenBatch is a batch of received rows that is not sealed yet. It is for one goroutine, which seals or aborts it.
type OpenBatch struct {
	Spool uint64 // the number of its spool
	Lines int64  // that were added
	Err   error  // why the flow ended before the batch was closed; to be read after Done

	writer        *batchWriter
	file          *event.File // all rows, as recorded in the batch
	cancel        context.CancelFunc
	receivedUntil time.Time     // when input was closed: everything received before is in the batch (rule 3)
	input         chan *segment // segments for the flow
	done          chan struct{} // closed when the flow has ended
}

// Received are rows that arrived together.
type Received struct {
	Text   []byte // whole JSON lines, with scan.PaddingBytes of spare capacity; it belongs to the batch from now on
	Lines  int64
	Bytes  int64 // as they were sent
	Source Source
}

// Begin begins a batch whose receipt starts at opened, and starts its flow. spool is the number of the spool that contains its rows; 0 is the one
// after the last sealed spool.
func (r *Receiver) Begin(ctx context.Context, opened time.Time, spool uint64) (*OpenBatch, error) {
	w, err := begin(ctx, r.store, r.stream, r.options, opened, r.computer)
	if err != nil {
		return nil, err
	}
	if w.spool = spool; w.spool == 0 {
		w.spool = w.state.Spools + 1
	}
	file := &event.File{
		Number: w.state.Files + 1, Name: fmt.Sprintf("received/%08d.jsonl", w.spool), Batch: w.batch.Batch,
		Format: string(project.JSONL),
	}
	w.files = []*event.File{file}
	o := &OpenBatch{Spool: w.spool, writer: w, file: file, input: make(chan *segment), done: make(chan struct{})}
	ctx, o.cancel = context.WithCancel(ctx)
	go func() {
		defer close(o.done)
		o.Err = w.flow(ctx, o.feed)
	}()
	return o, nil
}

// Done is closed when the flow has ended: after Seal, or because of Err.
func (o *OpenBatch) Done() <-chan struct{} { return o.done }

// feed passes segments on to the flow until the batch is closed.
func (o *OpenBatch) feed(ctx context.Context) error {
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

// Add sends rows to the flow as one segment. The verdicts are reported to their source by another goroutine.
func (o *OpenBatch) Add(r Received) error {
	seg := o.writer.segment(nil, o.file)
	seg.text, seg.firstLine, seg.source = r.Text, o.Lines+1, r.Source
	o.Lines += r.Lines
	o.writer.mu.Lock()
	o.file.Bytes += r.Bytes
	o.writer.mu.Unlock()
	select {
	case o.input <- seg:
		return nil
	case <-o.done:
		return o.Err
	}
}

// Seal closes the batch and seals it. extra writes in the transaction of the seal; it gets the time of the seal and may be nil. After an error
// the batch must be aborted.
func (o *OpenBatch) Seal(ctx context.Context, now time.Time, extra func(tx catalog.Tx, sealed time.Time) error) (Result, error) {
	if o.receivedUntil = now.UTC().Truncate(time.Microsecond); o.receivedUntil.Before(o.writer.received) {
		o.receivedUntil = o.writer.received
	}
	close(o.input)
	select {
	case <-o.done:
	case <-ctx.Done():
		o.cancel()
		<-o.done
	}
	if o.Err != nil {
		return Result{}, o.Err
	}
	if extra != nil {
		o.writer.extra = func(tx catalog.Tx) error { return extra(tx, o.writer.batch.Sealed) }
	}
	result, err := o.writer.checkAndSeal(ctx)
	if err != nil {
		return Result{}, err
	}
	o.writer.close()
	o.cancel()
	return result, nil
}

// Abort gives up the batch without sealing anything.
func (o *OpenBatch) Abort() {
	o.cancel()
	<-o.done
	o.writer.close()
}
