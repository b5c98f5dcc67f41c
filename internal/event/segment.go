// The flow of a batch: segments are prepared in parallel, checked in order and passed to the object writers.

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

// segmentRows is how many rows are checked at a time and form one row group.
const segmentRows = 1 << 17

// segment is consecutive rows of one file in the flow.
type segment struct {
	recycler   recycler // nil for retried rows
	file       *File
	text       []byte            // JSON lines that are not parsed yet
	firstLine  int64             // the line at which text starts
	requests   []*pendingRequest // the requests in text
	rowSources []rowSource       // one per block of retried rows
	blocks     []*scan.Block
	rows       int
	prepared   []preparedBlock // one per block
	entries    []dedupe.Entry
	ready      chan struct{} // closed when prepared
	err        error
}

// recycler reuses the memory of blocks.
type recycler interface{ Recycle(b *scan.Block) }

// preparedBlock is the result of preparing a block.
type preparedBlock struct {
	columns []column.Vector // the stream's, then a derived identity
	filters []column.Vector // one per total with `where`
	digests []column.Digest // of each row's content, for the batch's digest
	ids     []column.Digest // of each row's identity, as stored in the dedupe index

	contents      []uint64        // of each row's content, as stored in the dedupe index
	strongDigests []column.Digest // of each row's content, if identities are derived from it
	occurrences   []uint32        // of each row's content in its file or request, if that identifies rows
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

// flow runs produce and all later stages concurrently: goroutines prepare segments, one checks them in order, and the object writers write them.
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
	table, err := w.dedupeBatch.Seal(ctx, prefix(w.stream.Name, w.batch.Batch)+idsObject, w.batch.Sealed)
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
		for _, p := range seg.requests {
			p.completeStep()
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

// classify decides on each row in order of arrival: accepted, duplicate or quarantined (rule 1).
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

// dropKnownRejects counts the rejected rows of a file that is read again as duplicates: they have been in quarantine since it was read first.
func (w *batchWriter) dropKnownRejects(seg *segment, p *preparedBlock) error {
	if seg.file == nil || !seg.file.Again || seg.rowSources != nil { // retried rows must stay
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

// collectEntries lists the entries to look up: rows that were not rejected so far. `_content` identities are derived here, because the number of an
// occurrence depends on the order of rows.
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

// conflictReason begins the reason of a row whose id was accepted with other values.
const conflictReason = "conflict: "

// explainConflict describes a conflict, or reports that the row is a duplicate: in a file that is read again only rows with free ids are new, since all
// others were decided on before; and the same row of the same file is the event itself, whichever columns were declared since.
func (w *batchWriter) explainConflict(seg *segment, row int64, first dedupe.Place) (known bool, reason string, err error) {
	if w.conflictFile.Number != first.File() { // conflicts are often many in a row with one earlier file
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

// sameContent reports whether two files have the same digest. A digest that is not computed yet belongs to no earlier file.
func (w *batchWriter) sameContent(file, other *File) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return file.Digest != "" && file.Digest == other.Digest
}

// quarantineRows writes rejected rows to the quarantine, in row order.
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
