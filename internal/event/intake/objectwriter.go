// Writes the accepted rows of a batch to its objects.

package intake

import (
	"cmp"
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/object"
)

// writerCount is how many objects of a batch are written in parallel. Segments are distributed in turn, so that the same rows make the same
// objects (rule 5).
const writerCount = 2

// objectSize is what the row groups of an object have at most, unless it has only one: small enough to be made durable while later ones
// are still written, and to be written to S3 with one request.
const objectSize = 31 << 20

// objectWriter writes every writerCount-th segment of a batch.
type objectWriter struct {
	w        *batchWriter
	number   int
	segments chan *segment
	fields   []column.Field
	columns  []column.Vector // the current row group
	summers  []event.Summer
	digest   column.Digest

	objects []*object.DescribedWriter
	out     *object.DescribedWriter
	parquet *column.ParquetWriter
	pending []<-chan error // running commits
}

func (l *objectWriter) run(ctx context.Context) error {
	for seg := range l.segments {
		if err := l.write(ctx, seg); err != nil {
			return err
		}
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	if l.out != nil {
		if err := l.finishObject(); err != nil {
			return err
		}
	}
	return l.awaitCommits()
}

// write sums and buffers a segment's accepted rows and recycles its blocks. Small segments are combined, because a small row group is expensive to
// write and to read.
func (l *objectWriter) write(ctx context.Context, seg *segment) error {
	l.reserve(seg)
	for i, block := range seg.blocks {
		l.appendRows(seg, &seg.prepared[i], block.Rows)
		if seg.recycler != nil {
			seg.recycler.Recycle(block)
		}
	}
	if l.columns[0].Len() < segmentRows && !l.w.options.DryRun {
		return nil
	}
	return l.flush(ctx)
}

func (l *objectWriter) flush(ctx context.Context) error {
	if l.columns == nil || l.columns[0].Len() == 0 {
		return nil
	}
	defer func() {
		for i := range l.columns {
			l.columns[i].Reset()
		}
	}()
	if l.w.options.DryRun {
		return nil
	}
	if l.out == nil {
		if err := l.create(ctx); err != nil {
			return err
		}
	}
	before := l.out.Bytes
	if err := l.parquet.WriteGroup(l.columns); err != nil {
		return fmt.Errorf("write %s: %w", l.out.Name, err)
	}
	l.out.Rows += int64(l.columns[0].Len())
	if group := l.out.Bytes - before; l.out.Bytes+group > objectSize { // the next group is likely to have the same size
		return l.finishObject()
	}
	return nil
}

// reserve allocates memory for a segment at once: at first a row group for the first segment, which usually is the largest.
func (l *objectWriter) reserve(seg *segment) {
	if l.columns == nil {
		l.columns = column.NewVectors(column.Types(l.fields), seg.rows)
	}
	for c := range l.columns {
		size := 0
		for i := range seg.prepared {
			if c < len(seg.prepared[i].columns) {
				size += len(seg.prepared[i].columns[c].Bytes)
			}
		}
		l.columns[c].Reserve(seg.rows, size)
	}
}

// appendRows adds a block's kept rows to the row group, the totals and the digest.
func (l *objectWriter) appendRows(seg *segment, p *preparedBlock, rows []int64) {
	all := true
	for r, kept := range p.keep {
		if kept {
			l.digest.Add(p.Digests[r])
		}
		all = all && kept
	}
	if len(p.keep) > 0 { // if every row was rejected, nothing was computed
		event.SumRows(l.summers, p.columns, p.filters, func(r int) bool { return p.keep[r] })
	}
	file, row := &l.columns[len(l.columns)-2], &l.columns[len(l.columns)-1]
	for i := range p.columns {
		if all {
			l.columns[i].AppendAll(&p.columns[i])
		}
	}
	for r, kept := range p.keep {
		if !kept {
			continue
		}
		for i := range p.columns {
			if !all {
				l.columns[i].AppendFrom(&p.columns[i], r)
			}
		}
		file.AppendInt(int64(seg.file.Number))
		row.AppendInt(rows[r])
	}
}

func (l *objectWriter) create(ctx context.Context) error {
	name := fmt.Sprintf("%sevents-%d-%04d.parquet", l.w.attempt.Prefix, l.number, len(l.objects))
	out, err := object.CreateKept(ctx, l.w.store.Objects, name)
	if err != nil {
		return err
	}
	if l.parquet, err = column.NewParquetWriter(out, l.fields); err != nil {
		return err
	}
	l.out = out
	return nil
}

// finishObject ends the current object and makes it durable in the background.
func (l *objectWriter) finishObject() error {
	out := l.out
	l.out = nil
	if err := l.parquet.Close(); err != nil {
		return fmt.Errorf("write %s: %w", out.Name, err)
	}
	l.objects = append(l.objects, out)
	done := make(chan error, 1)
	go func() { done <- out.Commit() }()
	l.pending = append(l.pending, done)
	return nil
}

// awaitCommits waits for every running commit.
func (l *objectWriter) awaitCommits() (first error) {
	for _, done := range l.pending {
		first = cmp.Or(first, <-done)
	}
	l.pending = nil
	return first
}

func (l *objectWriter) abort() {
	_ = l.awaitCommits() // the batch is given up; the next intake deletes what became visible of it
	if l.out != nil {
		_ = l.out.Abort()
	}
}
