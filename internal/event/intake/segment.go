// The flow of a batch: segments are prepared in parallel, checked in order and passed to the object writers.

package intake

import (
	"context"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/event/scan"
	"bursar/internal/project"

	"golang.org/x/sync/errgroup"
)

// segmentRows is how many rows are checked at a time and form one row group.
const segmentRows = 1 << 17

// segment is consecutive rows of one file in the flow.
type segment struct {
	recycler   recycler // nil for retried rows
	file       *event.File
	text       []byte      // JSON lines that are not parsed yet
	firstLine  int64       // the line at which text starts
	source     Source      // of the rows in text; nil for rows of files
	rowSources []RowSource // one per block of retried rows
	blocks     []*scan.Block
	rows       int
	prepared   []preparedBlock // one per block
	entries    []dedupe.Entry
	ready      chan struct{} // closed when prepared
	err        error
}

type recycler interface{ Recycle(b *scan.Block) }

type preparedBlock struct {
	columns []column.Vector // the stream's, then a derived identity
	filters []column.Vector // one per total with `where`
	ids.RowDigests
	occurrences []uint32 // of each row's content in its file or delivery, if that identifies rows
	keep        []bool
	rejects     []reject
}

func (w *batchWriter) segment(in recycler, file *event.File) *segment {
	return &segment{recycler: in, file: file, ready: make(chan struct{})}
}

// flow runs produce and all later stages concurrently: goroutines prepare segments, one checks them in order, and the object writers write them.
func (w *batchWriter) flow(ctx context.Context, produce func(ctx context.Context) error) error {
	w.segments, w.sealing = make(chan *segment, 2), ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(w.segments)
		return produce(ctx)
	})
	for i := range w.writers {
		w.writers[i] = objectWriter{w: w, number: i, segments: make(chan *segment, 1), fields: event.Fields(w.stream), summers: event.NewSummers(w.stream)}
		group.Go(func() error { return w.writers[i].run(ctx) })
	}
	group.Go(func() error {
		err := w.classifyAll(ctx)
		for i := range w.writers {
			close(w.writers[i].segments)
		}
		if err == nil {
			err = w.sealDedupe(ctx) // while the writers write their last segments
		}
		return err
	})
	err := group.Wait()
	w.preparing.Wait() // preparations that a failure left behind still use the scratch folder
	return err
}

// sealDedupe makes the batch's ids durable. They count once the batch is sealed.
func (w *batchWriter) sealDedupe(ctx context.Context) error {
	if w.options.DryRun || w.dedupeBatch.Len() == 0 {
		return nil
	}
	table, err := w.dedupeBatch.Seal(ctx, w.attempt.Prefix+event.IDsObject, w.batch.Sealed)
	w.batch.DedupeTable = &table
	return err
}

// enqueue starts preparing a segment and queues it for checking, in order.
func (w *batchWriter) enqueue(ctx context.Context, seg *segment) error {
	w.preparing.Go(func() {
		defer close(seg.ready)
		seg.err = w.prepare(ctx, seg)
	})
	select {
	case w.segments <- seg:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// classifyAll passes checked segments to the writers in turn. Small ones go to the same writer until it has enough for a row group.
func (w *batchWriter) classifyAll(ctx context.Context) error {
	next, sentRows := 0, 0
	for seg := range w.segments {
		<-seg.ready
		if seg.err != nil {
			return seg.err
		}
		if err := w.classify(ctx, seg); err != nil {
			return err
		}
		if seg.source != nil {
			seg.source.Done()
		}
		select {
		case w.writers[next].segments <- seg:
		case <-ctx.Done():
			return ctx.Err()
		}
		if sentRows += seg.rows; sentRows >= segmentRows {
			next, sentRows = (next+1)%writerCount, 0
		}
	}
	return nil
}

// prepare computes columns and digests: everything that does not depend on the order of rows.
func (w *batchWriter) prepare(ctx context.Context, seg *segment) error {
	if seg.text != nil {
		if err := w.parse(seg); err != nil {
			return err
		}
	}
	seg.prepared = make([]preparedBlock, len(seg.blocks))
	for i, block := range seg.blocks {
		p := &seg.prepared[i]
		p.keep = slices.Repeat([]bool{true}, len(block.Rows))
		for _, r := range block.Rejects {
			p.rejects = append(p.rejects, reject{Reject: r})
		}
		if err := w.computer.compute(ctx, block, p); err != nil {
			return err
		}
		p.RowDigests = w.identifier.digester.Digest(p.columns, len(block.Rows))
	}
	return nil
}

func (w *batchWriter) parse(seg *segment) error {
	plan, err := w.planFor(seg.file)
	if err != nil {
		return err
	}
	if seg.blocks, err = plan.ParseOwned(seg.text, nil, seg.firstLine); err != nil {
		return err
	}
	seg.text, seg.recycler = nil, plan
	for _, block := range seg.blocks {
		seg.rows += len(block.Rows)
		w.countRows(seg.file, len(block.Rows)+len(block.Rejects))
	}
	return nil
}

// planFor returns the plan that reads rows of a file. Received rows are JSON lines, whatever format the stream's files have. In them a CSV header or a
// Parquet column is one property, even if its name contains dots.
func (w *batchWriter) planFor(f *event.File) (*scan.Plan, error) {
	if f.Format == "" || f.Format == string(w.stream.Format) {
		return w.plan, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.linePlan == nil {
		lines := *w.stream
		lines.Format = project.JSONL
		plan, err := scan.NewPlan(&lines, w.options.KeyColumns)
		if err != nil {
			return nil, err
		}
		w.linePlan = plan
	}
	return w.linePlan, nil
}
