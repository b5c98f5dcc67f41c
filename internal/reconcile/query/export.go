// The walk over all artifacts of a generation in key order, the check that none is missing, their export, and how artifacts are printed.

package query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// Exported is the result of an export. The digest is the SHA-256 of the written bytes; equal results have equal digests.
type Exported struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// Export writes all artifacts of a pipeline, sorted by key, one {"key":…,"artifact":{…}} a line. If no run is published it returns
// an UnpublishedError: an empty file would look like a result.
func (e *Reader) Export(ctx context.Context, pipeline string, w io.Writer) (Exported, error) {
	var out Exported
	err := e.read(ctx, pipeline, e.openSnapshot, func(q *Snapshot, emitted *bool) (err error) {
		out, err = e.export(ctx, q.Plan, &q.Generation, &markingWriter{w, emitted})
		return err
	})
	return out, err
}

// markingWriter records that something was written.
type markingWriter struct {
	io.Writer
	written *bool
}

func (w *markingWriter) Write(p []byte) (int, error) {
	*w.written = true
	return w.Writer.Write(p)
}

// Digest returns the digest of an export of a generation.
func (e *Reader) Digest(ctx context.Context, plan *fold.Plan, g *runs.Generation) (Exported, error) {
	return e.export(ctx, plan, g, io.Discard)
}

func (e *Reader) export(ctx context.Context, plan *fold.Plan, g *runs.Generation, w io.Writer) (Exported, error) {
	hash := sha256.New()
	w = io.MultiWriter(w, hash)
	printer := NewPrinter(plan)
	var out Exported
	var lines []byte
	err := e.Walk(ctx, plan, g, func(row []column.Vector) error {
		lines = lines[:0]
		for i := range row[0].Len() {
			lines = printer.line(lines, row, i)
		}
		out.Rows += int64(row[0].Len())
		_, err := w.Write(lines)
		return err
	})
	if err != nil {
		return Exported{}, fmt.Errorf("export %s: %w", plan.Pipeline.Name, err)
	}
	out.Digest = hex.EncodeToString(hash.Sum(nil))
	return out, nil
}

// ArtifactFields returns the columns of a pipeline's artifacts: those of the key, then the declared ones in their order.
func (e *Reader) ArtifactFields(ctx context.Context, pipeline string) ([]column.Field, error) {
	plan, err := e.Plan(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	return NewPrinter(plan).fields(reconcile.StoredFields(plan)), nil
}

// Artifacts calls each with all artifacts of a pipeline as values of ArtifactFields, sorted by key, some thousand at a time. If no
// run is published it returns an UnpublishedError.
func (e *Reader) Artifacts(ctx context.Context, pipeline string, each func(values []column.Vector) error) error {
	return e.read(ctx, pipeline, e.openSnapshot, func(q *Snapshot, emitted *bool) error {
		printer := NewPrinter(q.Plan)
		return e.Walk(ctx, q.Plan, &q.Generation, func(row []column.Vector) error {
			*emitted = true
			return each(printer.values(row))
		})
	})
}

// Printer prints artifacts: all declared columns in declared order, without hidden state.
type Printer struct {
	width   int
	names   [][]byte // "name":
	columns []int    // position of each declared column in a record
	items   [][]int
}

// NewPrinter returns a printer of a pipeline's artifacts.
func NewPrinter(plan *fold.Plan) *Printer {
	p := &Printer{width: len(plan.Key)}
	for _, f := range plan.Pipeline.Artifact {
		at := plan.Position(f.Name)
		p.names = append(p.names, append(column.QuoteJSON(f.Name), ':'))
		p.columns = append(p.columns, len(plan.Key)+at)
		p.items = append(p.items, plan.Record[at].Items)
	}
	return p
}

// Artifact appends the artifact in a row as a JSON object.
func (p *Printer) Artifact(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, '{')
	for c, at := range p.columns {
		if c > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.names[c]...)
		if p.items[c] != nil {
			dst = row[at].AppendItemsJSON(dst, i, p.items[c])
			continue
		}
		dst = row[at].AppendJSON(dst, i)
	}
	return append(dst, '}')
}

// fields returns the printed columns of a record with the given fields: those of the key, then the artifact's.
func (p *Printer) fields(record []column.Field) []column.Field {
	fields := slices.Clone(record[:p.width])
	for c, at := range p.columns {
		f := record[at]
		if p.items[c] != nil {
			f.Type.Fields = pick(f.Type.Fields, p.items[c])
		}
		fields = append(fields, f)
	}
	return fields
}

// values returns the values of the printed columns, which share the memory of row. A list is never null, as it is printed.
func (p *Printer) values(row []column.Vector) []column.Vector {
	values := slices.Clone(row[:p.width])
	for c, at := range p.columns {
		v := row[at]
		if p.items[c] != nil {
			v.Type.Fields, v.Fields, v.Null = pick(v.Type.Fields, p.items[c]), pick(v.Fields, p.items[c]), nil
		}
		values = append(values, v)
	}
	return values
}

func pick[T any](all []T, places []int) []T {
	picked := make([]T, len(places))
	for i, place := range places {
		picked[i] = all[place]
	}
	return picked
}

// line appends {"key":…,"artifact":{…}} and a line end.
func (p *Printer) line(dst []byte, row []column.Vector, i int) []byte {
	dst = append(dst, `{"key":`...)
	dst = reconcile.AppendKeyJSON(dst, row[:p.width], i)
	dst = append(dst, `,"artifact":`...)
	dst = p.Artifact(dst, row, i)
	return append(dst, '}', '\n')
}

// walkRows is how many artifacts walk reads at a time.
const walkRows = 1 << 14

// Walk calls each with all published artifacts of a generation, in key order, some thousand at a time.
func (e *Reader) Walk(ctx context.Context, plan *fold.Plan, g *runs.Generation, each func(row []column.Vector) error) error {
	return e.walk(ctx, plan, g, func(_ []artifact.Entry, row []column.Vector) error { return each(row) })
}

// walk is Walk with the entries of the records.
func (e *Reader) walk(ctx context.Context, plan *fold.Plan, g *runs.Generation, each func(entries []artifact.Entry, row []column.Vector) error) error {
	var entries []artifact.Entry
	var counts walkCounts
	var parts artifact.PartCache
	defer parts.Clear()
	row := reconcile.NewRow(plan)
	flush := func() error {
		if len(entries) == 0 {
			return nil
		}
		records := make([][]byte, len(entries))
		err := parts.Fetch(ctx, e.Objects, g.Space(), entries, e.Workers, func(_, i int, record []byte) error {
			records[i] = append([]byte(nil), record...)
			return nil
		})
		if err != nil {
			return err
		}
		reconcile.ResetRow(row)
		for i, record := range records {
			if err := reconcile.DecodeRecord(record, row, i, entries[i]); err != nil {
				return err
			}
		}
		counts.add(row[len(plan.Key)])
		err = each(entries, row)
		entries = entries[:0]
		return err
	}
	err := e.Index.Scan(ctx, g.Space(), g.Published, func(entry artifact.Entry) error {
		entry.Key = bytes.Clone(entry.Key)
		entries = append(entries, entry)
		if len(entries) == walkRows {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = counts.check(g)
	}
	return reconcile.Unreadable(g.Pipeline, err)
}

// walkCounts counts the artifacts of a walk and the events in them.
type walkCounts struct{ artifacts, events int64 }

func (w *walkCounts) add(events column.Vector) {
	w.artifacts += int64(events.Len())
	for _, n := range events.Ints {
		w.events += n
	}
}

// check compares the counts with what the published runs folded: an artifact made from an old state balances in its own run,
// but lacks the changes of the runs between (rule 4).
func (w *walkCounts) check(g *runs.Generation) error {
	if w.artifacts == g.Artifacts && (g.Events == nil || w.events == *g.Events) {
		return nil
	}
	folded := w.events
	if g.Events != nil {
		folded = *g.Events
	}
	return &ArtifactTotalsError{Pipeline: g.Pipeline, Artifacts: g.Artifacts, Events: folded, StoredArtifacts: w.artifacts, StoredEvents: w.events}
}

// ArtifactTotalsError reports that the artifacts of a pipeline are not what its published runs made (rule 4).
type ArtifactTotalsError struct {
	failure.Unbalanced

	Pipeline                   string
	Artifacts, StoredArtifacts int64
	Events, StoredEvents       int64
}

func (e *ArtifactTotalsError) Error() string {
	return fmt.Sprintf("control totals do not balance: the runs of %s made %s from %s, but the index has %s from %s; run `bursar rebuild %s`",
		e.Pipeline, reconcile.Plural(e.Artifacts, "artifact"), reconcile.Plural(e.Events, "event"),
		reconcile.Plural(e.StoredArtifacts, "artifact"), reconcile.Plural(e.StoredEvents, "event"), e.Pipeline)
}

// SpillArtifacts is Engine.Spill for all published artifacts of a generation.
func (e *Reader) SpillArtifacts(ctx context.Context, name string, plan *fold.Plan, g *runs.Generation) (sql string, remove func(), err error) {
	return e.Spill(name, reconcile.StoredFields(plan), func(out *column.ParquetWriter) error { return e.Walk(ctx, plan, g, out.WriteGroup) })
}
