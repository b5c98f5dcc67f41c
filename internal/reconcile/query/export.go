// Export of all artifacts of a pipeline.

package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

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
