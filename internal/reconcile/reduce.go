// The step reduce: folds the events of a run to one delta row per key.

package reconcile

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/object"
)

// groupRows is the number of rows in a row group of a delta or state object.
const groupRows = 1 << 17

// reduce folds the events of a partition to one delta row per key, and counts them: none may be lost or doubled (rule 4).
func (e *Engine) reduce(ctx context.Context, plan *fold.Plan, run *Run, partition int) (share Share, err error) {
	batches, err := e.runBatches(ctx, run)
	if err != nil {
		return share, err
	}
	for i := range batches { // the definition may have changed since the run was planned
		if err := batches[i].CheckGrowth(plan.Events.Stream(batches[i].Stream)); err != nil {
			return share, err
		}
	}
	// Check all objects that the partition reads: they may have been damaged since another partition checked them.
	if err := event.CheckObjects(ctx, e.Objects, batches, e.Workers); err != nil {
		return share, err
	}
	events := event.FoldedSQL(e.Objects, plan.Events, batches)
	session, err := e.openViews(ctx, map[string]string{"events": partitionSQL(events, plan.Events.Key, run, partition)})
	if err != nil {
		return share, err
	}
	defer session.Close()
	out := e.newTable(run.objectName("delta", partition), append(append([]column.Field{}, plan.Key...), plan.Delta...))
	err = session.QueryEstimated(ctx, run.Events, plan.Reduce, func(rows []column.Vector) error {
		for _, n := range rows[len(plan.Key)].Ints {
			share.Events += n
		}
		if err := errors.Join(checkDigits(rows), checkKeys(plan, rows)); err != nil {
			return err
		}
		return out.add(ctx, rows)
	})
	if err != nil {
		out.abort()
		return share, e.failingEvent(ctx, plan, run, partition, err)
	}
	if share.Totals, err = e.sumEvents(ctx, session, plan, batches, run, partition); err != nil {
		out.abort()
		return share, err
	}
	if share.FoldCounts, err = countFolds(ctx, session, plan, share.Events); err != nil {
		out.abort()
		return share, err
	}
	if share.Unkeyed, err = e.countUnkeyed(ctx, session, plan, partitionObjects(batches, run, partition)); err != nil {
		out.abort()
		return share, err
	}
	share.Objects, err = out.finish()
	share.Rows = out.total
	return share, err
}

// errDigits reports a sum that does not fit DECIMAL(38,s). Class Data: the same events have the same sum.
var errDigits = failure.Wrap(failure.Data, errors.New("a sum does not fit 38 digits"))

// checkDigits rejects a sum that does not fit DECIMAL(38,s): DuckDB's 128 bits would hold some more (rule 2).
func checkDigits(rows []column.Vector) error {
	for c := range rows {
		for _, n := range rows[c].Wide {
			if !column.Fits38(n) {
				return errDigits
			}
		}
	}
	return nil
}

// table writes rows into one Parquet object; without rows no object is created.
type table struct {
	e      *Engine
	name   string
	fields []column.Field
	out    *object.DescribedWriter
	file   *column.ParquetWriter
	rows   []column.Vector
	total  int64
}

func (e *Engine) newTable(name string, fields []column.Field) *table {
	return &table{e: e, name: name, fields: fields, rows: column.NewVectors(typesOf(fields), 0)}
}

// add appends rows, which have the table's columns.
func (t *table) add(ctx context.Context, rows []column.Vector) error {
	if err := column.CheckCount(rows, len(t.rows)); err != nil {
		return fmt.Errorf("write %s: %w", t.name, err)
	}
	for i := range t.rows {
		t.rows[i].AppendAll(&rows[i])
	}
	if t.rows[0].Len() >= groupRows {
		return t.flush(ctx)
	}
	return nil
}

func (t *table) flush(ctx context.Context) (err error) {
	if t.out == nil {
		if t.out, err = object.CreateDescribed(ctx, t.e.Objects, t.name); err != nil {
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
	for i := range t.rows {
		t.rows[i].Reset()
	}
	return nil
}

// finish makes the object durable and describes it.
func (t *table) finish() ([]object.Description, error) {
	if t.rows[0].Len() > 0 {
		if err := t.flush(context.Background()); err != nil {
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

func (t *table) abort() {
	if t.out != nil {
		_ = t.out.Abort() // nothing of it is visible either way
	}
}

// tableSQL returns a SELECT over table objects, with typed columns even if there are no objects.
func (e *Engine) tableSQL(objects []object.Description, fields []column.Field) string {
	if len(objects) == 0 {
		sql := "SELECT "
		for i, f := range fields {
			if i > 0 {
				sql += ", "
			}
			sql += fmt.Sprintf("CAST(NULL AS %s) AS %s", f.Type.SQL(), column.QuoteIdentifier(f.Name))
		}
		return sql + " WHERE false"
	}
	sql := "SELECT * FROM read_parquet(["
	for i, o := range objects {
		if i > 0 {
			sql += ", "
		}
		sql += duck.Literal(e.Objects.Path(o.Name))
	}
	return sql + "])"
}
