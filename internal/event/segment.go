package event

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/scan"

	"golang.org/x/sync/errgroup"
)

// segmentRows is how many rows are judged at a time and make one row group of a batch's object.
const segmentRows = 1 << 17

// segment is a run of rows of one file on its way through the flow.
type segment struct {
	recycler   recycler // nil for rows that are retried
	file       *File
	text       []byte            // JSON lines that are still to be parsed
	firstLine  int64             // the line at which text starts
	requests   []*pendingRequest // the requests that the text is made of
	rowSources []rowSource       // one a block, of rows that are retried
	blocks     []*scan.Block
	rows       int
	prepared   []preparedBlock // one a block
	entries    []dedupe.Entry
	ready      chan struct{} // closed when prepared
	err        error
}

// recycler is where blocks' memory goes back to.
type recycler interface{ Recycle(b *scan.Block) }

// preparedBlock is what preparing a block makes of it.
type preparedBlock struct {
	columns []column.Vector // the stream's, then a derived identity
	filters []column.Vector // one a total with `where`
	digests []column.Digest // of each row's content, for the batch's digest
	ids     []column.Digest // of each row's identity, as the dedupe index knows it

	contents      []uint64        // of each row's content, as the dedupe index knows it
	strongDigests []column.Digest // of each row's content, where identities are made of it
	occurrences   []uint32        // of each row's content in its file or request, where rows are known by it
	keep          []bool
	rejects       []reject
}

func (p *preparedBlock) occurrence(r int) uint32 {
	if p.occurrences == nil {
		return 0
	}
	return p.occurrences[r]
}

func (w *batchWriter) segment(in recycler, file *File) *segment {
	return &segment{recycler: in, file: file, ready: make(chan struct{})}
}

// flow runs take and everything behind it at once: segments are prepared by some goroutines, judged one after another in
// order, and written by the lanes.
func (w *batchWriter) flow(ctx context.Context, produce func(ctx context.Context) error) error {
	w.segments = make(chan *segment, 2)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(w.segments)
		return produce(ctx)
	})
	for i := range w.writers {
		w.writers[i].start(w, i)
		group.Go(func() error { return w.writers[i].run(ctx) })
	}
	group.Go(func() error {
		err := w.classifyAll(ctx)
		for i := range w.writers {
			close(w.writers[i].segments)
		}
		if err == nil {
			err = w.sealDedupe(ctx) // while the lanes write their last segments
		}
		return err
	})
	err := group.Wait()
	w.preparing.Wait() // what a failure left behind still uses the scratch folder
	return err
}

// sealDedupe makes the batch's ids durable. They count once the batch is sealed.
func (w *batchWriter) sealDedupe(ctx context.Context) error {
	if w.options.DryRun || w.dedupeBatch.Len() == 0 {
		return nil
	}
	table, err := w.dedupeBatch.Seal(ctx, prefix(w.stream.Name, w.batch.Batch)+idsObject, w.batch.Sealed)
	w.batch.DedupeTable = &table
	return err
}

// enqueue starts preparing a segment and queues it for judging, in order.
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

// classifyAll hands judged segments to the lanes in turn. Small ones go to the same lane until it has enough for a row group.
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
		for _, a := range seg.requests {
			a.completeStep()
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

// prepare computes columns and digests rows: all that needs no order.
func (w *batchWriter) prepare(ctx context.Context, seg *segment) error {
	if seg.text != nil {
		if err := w.parse(seg); err != nil {
			return err
		}
	}
	seg.prepared = make([]preparedBlock, len(seg.blocks))
	for i, block := range seg.blocks {
		p := &seg.prepared[i]
		p.keep = make([]bool, len(block.Rows))
		for r := range p.keep {
			p.keep[r] = true
		}
		for _, r := range block.Rejects {
			p.rejects = append(p.rejects, reject{Row: r.Row, Column: r.Column, Reason: r.Reason, raw: r.Raw, rawFile: r.RawFile})
		}
		if err := w.computer.compute(ctx, block, p); err != nil {
			return err
		}
		w.digester.digest(p, len(block.Rows))
	}
	return nil
}

// classify decides on each row in order of arrival: accepted, duplicate, or in quarantine (rule 1).
func (w *batchWriter) classify(ctx context.Context, seg *segment) error {
	if err := w.collectEntries(seg); err != nil {
		return err
	}
	verdicts, refused, err := w.checkEntries(seg)
	if err != nil {
		return dedupeError(w.stream.Name, fmt.Errorf("check for duplicates: %w", err))
	}
	next := 0
	for i, block := range seg.blocks {
		p := &seg.prepared[i]
		if err := w.dropKnownRejects(seg, p); err != nil {
			return err
		}
		for r, kept := range p.keep {
			if !kept {
				continue
			}
			verdict, refusal := verdicts[next], refused[next]
			next++
			switch {
			case refusal != nil:
				refusal.Row, refusal.raw, refusal.source.occurrence = block.Rows[r], block.Raw(r), p.occurrence(r)
				p.rejects = append(p.rejects, *refusal)
			case verdict.Kind == dedupe.New:
				w.batch.Accepted++
				seg.countAnswer(block.Rows[r], verdict.Kind)
				continue
			case verdict.Kind == dedupe.Duplicate:
				w.batch.Duplicates++
				seg.countAnswer(block.Rows[r], verdict.Kind)
			default:
				known, reason, err := w.explainConflict(seg, block.Rows[r], verdict.First)
				if err != nil {
					return err
				}
				if known {
					w.batch.Duplicates++
					seg.countAnswer(block.Rows[r], dedupe.Duplicate)
					break
				}
				p.rejects = append(p.rejects, reject{
					Row: block.Rows[r], Reason: reason, raw: block.Raw(r), accepted: &Place{verdict.First.File(), int64(verdict.First.Row())},
				})
			}
			p.keep[r] = false
		}
		w.batch.Rows += int64(len(block.Rows) + len(block.Rejects))
		w.batch.Extra += block.Extra
		if seg.file != nil && seg.rowSources == nil {
			w.noteUndeclared(seg.file.Name, block.Unknown)
		}
		seg.addSources(i, p.rejects)
		if err := w.quarantineRows(ctx, seg.file, p.rejects); err != nil {
			return err
		}
		seg.listRejects(p.rejects)
	}
	return nil
}

// dropKnownRejects counts rejected rows of a file that is read again as known: they are in quarantine since they first came.
func (w *batchWriter) dropKnownRejects(seg *segment, p *preparedBlock) error {
	if seg.file == nil || !seg.file.Again || seg.rowSources != nil { // a retry is of the rows that are there
		return nil
	}
	for _, r := range p.rejects {
		if err := discard(r.rawFile); err != nil {
			return err
		}
	}
	w.batch.Duplicates += int64(len(p.rejects))
	p.rejects = nil
	return nil
}

// collectEntries lists the entries to look up, the rows that preparing has not rejected. An occurrence number within the file is only
// known here, in order, so derived `_content` identities are made here.
func (w *batchWriter) collectEntries(seg *segment) error {
	seg.entries = slices.Grow(seg.entries, seg.rows)
	for i, block := range seg.blocks {
		p := &seg.prepared[i]
		if err := w.digester.identify(p, seg, i, block.Rows, func(e dedupe.Entry) { seg.entries = append(seg.entries, e) }); err != nil {
			return err
		}
	}
	return nil
}

// conflictReason is how the reason of a row begins whose id was accepted with other values.
const conflictReason = "conflict: "

// explainConflict says with what a row is in conflict, or that it is known: a file that is read again brings only rows whose ids are free, as all
// others were decided on when it first came; and the same row of the same file is the event itself, whatever columns were declared since.
func (w *batchWriter) explainConflict(seg *segment, row int64, first dedupe.Place) (known bool, reason string, err error) {
	if w.conflictFile.Number != first.File() { // conflicts come in crowds, of a file against an earlier one
		file, err := w.fileOf(first)
		if err != nil {
			return false, "", err
		}
		w.conflictFile = file
	}
	if seg.file != nil && seg.rowSources == nil && (seg.file.Again || row == int64(first.Row()) && w.sameContent(seg.file, &w.conflictFile)) {
		return true, "", nil
	}
	name, at := w.conflictFile.At(int64(first.Row()))
	return false, fmt.Sprintf(conflictReason+"this id was accepted before with other values, in batch %d, file %s, row %d", w.conflictFile.Batch, name, at), nil
}

// sameContent reports whether two files have the same digest; one that is not computed yet is of no earlier file.
func (w *batchWriter) sameContent(file, other *File) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return file.Digest != "" && file.Digest == other.Digest
}

// quarantineRows keeps rejected rows, in row order.
func (w *batchWriter) quarantineRows(ctx context.Context, file *File, rejects []reject) error {
	if len(rejects) == 0 {
		return nil
	}
	slices.SortStableFunc(rejects, func(a, b reject) int { return cmp.Compare(a.Row, b.Row) })
	if w.quarantine == nil {
		w.quarantine = newQuarantineWriter(ctx, w)
	}
	for _, r := range rejects {
		if w.onReject != nil {
			w.onReject(&r)
		}
		if err := w.quarantine.write(ctx, file, r); err != nil {
			return err
		}
	}
	w.batch.Quarantined += int64(len(rejects))
	return nil
}
