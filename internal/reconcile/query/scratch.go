// Scratch files: rows and artifacts written to temporary Parquet files, so that SQL can read them.

package query

import (
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// ScratchTable is a scratch file with all artifacts of a generation.
type ScratchTable struct {
	Plan       *fold.Plan
	Generation *runs.Generation
	AsOf       uint64
	path       string
	rows       int64
}

// Remove deletes the file.
func (t *ScratchTable) Remove() { _ = os.Remove(t.path) }

// SQL selects all rows.
func (t *ScratchTable) SQL() string {
	return "SELECT * FROM read_parquet(" + duck.Literal(t.path) + ")"
}

// Spill writes rows to a new scratch file and returns a SELECT over it. The file is deleted by remove.
func (e *Reader) Spill(name string, fields []column.Field, rows []column.Vector) (sql string, remove func(), err error) {
	file, err := os.CreateTemp(e.Scratch, name+"-*.parquet")
	if err != nil {
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	remove = func() { _ = os.Remove(file.Name()) } // scratch is emptied at the next start
	out, err := column.NewParquetWriter(file, fields)
	if err == nil {
		err = errors.Join(out.WriteGroup(rows), out.Close())
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("write scratch: %w", err)
	}
	return "SELECT * FROM read_parquet(" + duck.Literal(file.Name()) + ")", remove, nil
}

// Materialize writes the table's file.
func (e *Reader) Materialize(ctx context.Context, name string, t *ScratchTable) (*ScratchTable, error) {
	file, err := os.CreateTemp(e.Scratch, name+"-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	t.path = file.Name()
	out, err := column.NewParquetWriter(file, reconcile.StoredFields(t.Plan))
	if err != nil {
		return nil, err
	}
	err = e.Walk(ctx, t.Plan, t.Generation, t.AsOf, func(row []column.Vector) error {
		t.rows += int64(row[0].Len())
		return out.WriteGroup(row)
	})
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Remove()
		return nil, fmt.Errorf("write scratch: %w", err)
	}
	return t, nil
}
