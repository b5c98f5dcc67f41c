// What other packages copy of a pipeline: its artifacts as readers see them, and those that each run has made.

package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bursar/internal/artifact"
	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/index"
	"bursar/internal/reconcile/runs"
)

// Published is what readers see of a pipeline at one moment.
type Published struct {
	reader  *Reader
	q       *Snapshot
	printer *Printer
}

// ReadPublished calls fn with what readers see of a pipeline, and again if a rebuild removes it meanwhile. The context of fn ends when a rebuild
// by this process waits to remove it: fn may take as long as another system needs, and the pipeline stands still until it returns.
func (e *Reader) ReadPublished(ctx context.Context, pipeline string, fn func(context.Context, *Published) error) error {
	for {
		err := e.read(ctx, pipeline, e.OpenWithoutIndex, func(q *Snapshot, _ *bool) error {
			reading, release := e.snapshots.untilAwaited(ctx, q.Generation.Space())
			defer release()
			err := fn(reading, &Published{e, q, NewPrinter(q.Plan)})
			if err != nil && errors.Is(context.Cause(reading), errAwaited) {
				err = fmt.Errorf("%w: %w", errAwaited, err)
			}
			return err
		})
		if !errors.Is(err, errAwaited) || ctx.Err() != nil {
			return err
		}
	}
}

// Generation returns the number of the generation, of its last published run, of its artifacts, and its watermark. They are zero before the
// first run.
func (p *Published) Generation() (generation, run uint64, artifacts int64, watermark *time.Time) {
	g := &p.q.Generation
	return g.Generation, g.Published, g.Artifacts, g.Watermark
}

// IsCurrent reports whether readers still see the same generation and run.
func (p *Published) IsCurrent(ctx context.Context) (bool, error) {
	now, err := p.reader.Current(ctx, p.q.Generation.Pipeline)
	return err == nil && now.Generation == p.q.Generation.Generation && now.Published == p.q.Generation.Published, err
}

// Fields returns the columns of artifacts, the first of which are the key. Lists are JSON.
func (p *Published) Fields() (fields []column.Field, key int) {
	fields = p.printer.fields(reconcile.StoredFields(p.q.Plan))
	for i := range fields {
		if fields[i].Type.Kind == column.List {
			fields[i].Type = column.Type{Kind: column.JSON}
		}
	}
	return fields, len(p.q.Plan.Key)
}

// Run returns when the last event of a run was received, and how many events and artifacts are in it.
func (p *Published) Run(ctx context.Context, run uint64) (received time.Time, events, artifacts int64, err error) {
	r, err := runs.Find(ctx, p.reader.Catalog, p.q.Generation.RunRef(run))
	if err != nil {
		return received, 0, 0, err
	}
	err = p.reader.Catalog.View(ctx, func(tx catalog.Tx) error {
		for _, ref := range r.Batches {
			stream := ref.Stream
			if stream == "" {
				stream = p.q.Plan.Events.Streams[0].Name
			}
			b, err := event.GetBatch(tx, stream, ref.Batch)
			if err != nil {
				return err
			}
			if b.Sealed.After(received) {
				received = b.Sealed
			}
		}
		return nil
	})
	return received, r.Events, r.Created + r.Updated, err
}

// All calls each with all artifacts, as values of Fields, and the run that has made each, some thousand at a time, sorted by key.
func (p *Published) All(ctx context.Context, each func(made []uint64, values []column.Vector) error) error {
	if p.q.Generation.Generation == 0 {
		return nil
	}
	if err := p.reader.checkLoaded(ctx, p.q); err != nil && !errors.As(err, new(*UnpublishedError)) {
		return err
	}
	var made []uint64
	return p.reader.walk(ctx, p.q.Plan, &p.q.Generation, func(entries []artifact.Entry, row []column.Vector) error {
		made = made[:0]
		for i := range entries {
			made = append(made, entries[i].Run)
		}
		return each(made, p.values(row))
	})
}

// OfRun calls each with the artifacts that a run has made, as values of Fields, some thousand at a time. It reads the parts of the run,
// whose checksums are compared.
func (p *Published) OfRun(ctx context.Context, run uint64, each func(values []column.Vector) error) error {
	r, err := runs.Find(ctx, p.reader.Catalog, p.q.Generation.RunRef(run))
	if err != nil {
		return err
	}
	for partition := range r.Partitions {
		if err := p.ofPartition(ctx, &r, partition, each); err != nil {
			return reconcile.Unreadable(r.Pipeline, fmt.Errorf("read run %d of %s: %w", run, r.Pipeline, err))
		}
	}
	return nil
}

func (p *Published) ofPartition(ctx context.Context, r *runs.Run, partition int, each func(values []column.Vector) error) error {
	parts := index.NewPartReader(ctx, p.reader.Objects, p.q.Plan, r, partition)
	defer parts.Close()
	row := reconcile.NewRow(p.q.Plan)
	for n := 0; ; n++ {
		entry, err := parts.Next()
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if n == walkRows || ended {
			if n > 0 {
				if err := each(p.values(row)); err != nil {
					return err
				}
			}
			if ended {
				return nil
			}
			reconcile.ResetRow(row)
			n = 0
		}
		if err := reconcile.DecodeRecord(parts.Record, row, n, entry); err != nil {
			return err
		}
	}
}

// values returns the declared columns of records, with lists as JSON.
func (p *Published) values(row []column.Vector) []column.Vector {
	values := p.printer.values(row)
	for c := range values {
		if v := &values[c]; v.Type.Kind == column.List {
			text := column.NewVector(column.Type{Kind: column.JSON}, v.Len())
			for i := range v.Len() {
				text.AppendText(v.AppendJSON(nil, i))
			}
			values[c] = text
		}
	}
	return values
}
