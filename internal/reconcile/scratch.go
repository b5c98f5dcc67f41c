// Scratch files: rows and artifacts written to temporary Parquet files, so that SQL can read them.

package reconcile

import (
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
)

// scratchTable is a scratch file with all artifacts of a generation.
type scratchTable struct {
	plan       *fold.Plan
	generation *Generation
	asOf       uint64
	path       string
	rows       int64
}

func (t *scratchTable) remove() { _ = os.Remove(t.path) }

func (t *scratchTable) sql() string {
	return "SELECT * FROM read_parquet(" + duck.Literal(t.path) + ")"
}

// spill writes rows to a new scratch file and returns a SELECT over it. The file is deleted by remove.
func (e *Reader) spill(name string, fields []column.Field, rows []column.Vector) (sql string, remove func(), err error) {
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

// materialize writes the table's file.
func (e *Reader) materialize(ctx context.Context, name string, t *scratchTable) (*scratchTable, error) {
	file, err := os.CreateTemp(e.Scratch, name+"-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("write scratch: %w", err)
	}
	defer file.Close()
	t.path = file.Name()
	out, err := column.NewParquetWriter(file, recordFields(t.plan))
	if err != nil {
		return nil, err
	}
	err = e.walk(ctx, t.plan, t.generation, t.asOf, func(row []column.Vector) error {
		t.rows += int64(row[0].Len())
		return out.WriteGroup(row)
	})
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.remove()
		return nil, fmt.Errorf("write scratch: %w", err)
	}
	return t, nil
}
