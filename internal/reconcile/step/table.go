// Tables of deltas and states: one Parquet object each.

package step

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"bursar/internal/artifact"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/fold"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// groupRows is the number of rows in a row group of a delta or state object.
const groupRows = 1 << 17

// table writes rows into one Parquet object; without rows no object is created.
type table struct {
	ctx     context.Context // lasts until finish
	objects object.Store
	name    string
	fields  []column.Field
	out     *object.DescribedWriter
	file    *column.ParquetWriter
	rows    []column.Vector
	total   int64
}

func newTable(ctx context.Context, objects object.Store, name string, fields []column.Field) *table {
	return &table{ctx: ctx, objects: objects, name: name, fields: fields, rows: column.NewVectors(column.Types(fields), 0)}
}

// add appends rows, which have the table's columns.
func (t *table) add(rows []column.Vector) error {
	if err := column.CheckCount(rows, len(t.rows)); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	for i := range t.rows {
		t.rows[i].AppendAll(&rows[i])
	}
	if t.rows[0].Len() >= groupRows {
		return t.flush()
	}
	return nil
}

func (t *table) flush() (err error) {
	if t.out == nil {
		if t.out, err = object.CreateKept(t.ctx, t.objects, t.name); err != nil {
			return err
		}
		if t.file, err = column.NewParquetWriter(t.out, t.fields); err != nil {
			return err
		}
	}
	if err := t.file.WriteGroup(t.rows); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	t.total += int64(t.rows[0].Len())
	t.out.Rows = t.total
	reconcile.ResetRow(t.rows)
	return nil
}

// finish makes the object durable and describes it.
func (t *table) finish() ([]object.Description, error) {
	if t.rows[0].Len() > 0 {
		if err := t.flush(); err != nil {
			return nil, err
		}
	}
	if t.out == nil {
		return nil, nil
	}
	if err := t.file.Close(); err != nil {
		return nil, fmt.Errorf("write %s: %w", t.name, err)
	}
	if err := t.out.Commit(); err != nil {
		return nil, fmt.Errorf("commit %s: %w", t.name, err)
	}
	return []object.Description{t.out.Description}, nil
}

// abort discards the object, unless it is finished.
func (t *table) abort() {
	if t.out != nil {
		_ = t.out.Abort() // nothing of it is visible either way
	}
}

// tableSQL returns a SELECT over table objects, with typed columns even if there are no objects.
func tableSQL(files object.Files, objects []object.Description, fields []column.Field) string {
	var list []string
	if len(objects) == 0 {
		for _, f := range fields {
			list = append(list, fmt.Sprintf("CAST(NULL AS %s) AS %s", f.Type.SQL(), column.QuoteIdentifier(f.Name)))
		}
		return "SELECT " + strings.Join(list, ", ") + " WHERE false"
	}
	for _, o := range objects {
		list = append(list, duck.Literal(files.Path(o)))
	}
	return "SELECT * FROM read_parquet([" + strings.Join(list, ", ") + "])"
}

// deltaKeys lists the keys of the delta in the encoding of the index, ascending.
func (e *Executor) deltaKeys(ctx context.Context, plan *fold.Plan, run *runs.Run, partition int) ([][]byte, error) {
	files := e.Objects.Files()
	defer files.Release()
	session, err := e.OpenViews(ctx, files, map[string]string{"delta": deltaSQL(files, plan, run, partition)})
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var keys [][]byte
	var arena []byte
	err = session.QueryEstimated(ctx, run.Steps[runs.StepReduce].Shares[partition].Rows, "SELECT "+fold.Names(plan.Key)+" FROM delta", func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			if cap(arena)-len(arena) < 1<<10 {
				arena = make([]byte, 0, 1<<20)
			}
			start := len(arena)
			arena = artifact.AppendKey(arena, rows, i)
			key := arena[start:len(arena):len(arena)]
			if len(keys) > 0 && bytes.Compare(keys[len(keys)-1], key) >= 0 {
				return fmt.Errorf("bug: the delta is not sorted by key")
			}
			keys = append(keys, key)
		}
		return nil
	})
	return keys, err
}

func deltaSQL(files object.Files, plan *fold.Plan, run *runs.Run, partition int) string {
	return tableSQL(files, run.Objects(runs.StepReduce, partition), plan.DeltaFields())
}
