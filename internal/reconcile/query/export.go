// Export of all artifacts of a pipeline, and how artifacts are printed.

package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"bursar/internal/column"
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
	q, err := e.openSnapshot(ctx, pipeline)
	if err != nil {
		return Exported{}, err
	}
	defer q.Release()
	return e.export(ctx, q.Plan, &q.Generation, w)
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
	q, err := e.openSnapshot(ctx, pipeline)
	if err != nil {
		return err
	}
	defer q.Release()
	printer := NewPrinter(q.Plan)
	return e.Walk(ctx, q.Plan, &q.Generation, func(row []column.Vector) error {
		return each(printer.values(row))
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
		for i, c := range plan.Record {
			if c.Name == f.Name {
				p.names = append(p.names, append(column.QuoteJSON(f.Name), ':'))
				p.columns = append(p.columns, len(plan.Key)+i)
				p.items = append(p.items, c.Items)
			}
		}
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
