// Scratch files: rows and artifacts written to temporary Parquet files, so that SQL can read them.

package query

import (
	"context"
	"fmt"
	"os"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// Spill writes rows to a new scratch file and returns a SELECT over it. The file is deleted by remove.
func (e *Reader) Spill(name string, fields []column.Field, rows []column.Vector) (sql string, remove func(), err error) {
	return e.spill(name, fields, func(out *column.ParquetWriter) error { return out.WriteGroup(rows) })
}

// SpillArtifacts is Spill for all published artifacts of a generation.
func (e *Reader) SpillArtifacts(ctx context.Context, name string, plan *fold.Plan, g *runs.Generation) (sql string, remove func(), err error) {
	return e.spill(name, reconcile.StoredFields(plan), func(out *column.ParquetWriter) error { return e.Walk(ctx, plan, g, out.WriteGroup) })
}

func (e *Reader) spill(name string, fields []column.Field, write func(out *column.ParquetWriter) error) (sql string, remove func(), err error) {
	file, err := os.CreateTemp(e.Scratch, name+"-*.parquet")
	if err != nil {
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	remove = func() { _ = os.Remove(file.Name()) } // scratch is emptied at the next start
	out, err := column.NewParquetWriter(file, fields)
	if err == nil {
		err = write(out)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	return "SELECT * FROM read_parquet(" + duck.Literal(file.Name()) + ")", remove, nil
}
