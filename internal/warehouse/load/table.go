// Changes of the table and of the journal beside the rows.

package load

import (
	"context"
	"fmt"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// prepareTable makes the table ready for rows that are added: it is created or gets its new columns, and rows that will be replaced are deleted.
func (r *run) prepareTable(ctx context.Context, tx warehouse.Tx) error {
	if r.history.Table == nil {
		return r.remakeTable(ctx, tx, func() error { return tx.Create(ctx, r.declared.Table, r.columns) })
	}
	if len(r.added) > 0 {
		if err := tx.AddColumns(ctx, r.declared.Table, r.added); err != nil {
			return err
		}
	}
	if r.mode == replaceFrom {
		if err := r.restoreBefore(ctx, tx); err != nil {
			return err
		}
		if err := r.deletePeriods(ctx, tx); err != nil {
			return err
		}
	}
	return r.refreshView(ctx, tx)
}

// deletePeriods deletes the rows of the periods that are replaced, and forgets their objects: from the first one on, up to the end of the series.
func (r *run) deletePeriods(ctx context.Context, tx warehouse.Tx) error {
	rows, objects := r.periodBound(r.from, ">")
	if end := r.declared.Series.End; end != nil {
		rowsUntil, objectsUntil := r.periodBound(*end, "<")
		rows, objects = rows+" AND "+rowsUntil, objects+" AND "+objectsUntil
	}
	for _, sql := range []string{
		fmt.Sprintf("DELETE FROM %s WHERE %s", warehouse.Quote(r.db(), r.declared.Table), rows),
		fmt.Sprintf("DELETE FROM %s WHERE load = %s AND %s", objectsTable, warehouse.Literal(r.declared.Name), objects),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// periodBound returns conditions on rows of the table and on objects of the journal: their period is beyond p in one direction, or p. Texts of
// periods are compared in the journal: longer numbers are larger, and no text of another load is cast.
func (r *run) periodBound(p project.Period, beyond string) (rows, objects string) {
	by := r.declared.Series.By
	text := by.Text(p)
	value := text
	if by == project.ByHour {
		value += ":00:00Z"
	}
	kind := column.Type{Kind: periodKinds[by]}
	return fmt.Sprintf("%s %s= CAST(%s AS %s)", warehouse.Quote(r.db(), periodColumn), beyond, warehouse.Literal(value), r.db().Type(kind)),
		fmt.Sprintf("(length(period) %[1]s %[2]d OR length(period) = %[2]d AND period %[1]s= %[3]s)", beyond, len(text), warehouse.Literal(text))
}

// replaceTable makes the staging table the load's table.
func (r *run) replaceTable(ctx context.Context, tx warehouse.Tx) error {
	if err := r.remakeTable(ctx, tx, func() error { return tx.Replace(ctx, r.declared.Table, r.stagingTable()) }); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE load = %s", objectsTable, warehouse.Literal(r.declared.Name)))
	return err
}

func (r *run) stagingTable() string { return stagingTable(r.declared.Table) }

func stagingTable(table string) string { return "bursar_staging_" + table }

const pruneSQL = `DELETE FROM %[1]s WHERE load = %[2]s AND NOT EXISTS (SELECT 1 FROM %[3]s o
WHERE o.load = %[2]s AND o.object = %[1]s.object AND o.load_number = %[1]s.load_number)`

// pruneRejected deletes the rejected rows of objects whose rows were replaced.
func (r *run) pruneRejected(ctx context.Context, tx warehouse.Tx) error {
	if r.mode == addRows {
		return nil
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(pruneSQL, rejectedTable, warehouse.Literal(r.declared.Name), objectsTable))
	return err
}

// writeTouched replaces what the journal knows of objects whose listing has changed. Their names reach the database as rows.
func (r *run) writeTouched(ctx context.Context, tx warehouse.Tx) error {
	if len(r.touched) == 0 {
		return nil
	}
	marker := "touched " + r.declared.Name // is not the name of a load
	if err := appendObjects(ctx, tx, stagedTable, marker, r.touched); err != nil {
		return err
	}
	for _, sql := range []string{
		fmt.Sprintf("DELETE FROM %s WHERE load = %s AND object IN (SELECT object FROM %s WHERE load = %s)", objectsTable, warehouse.Literal(r.declared.Name), stagedTable, warehouse.Literal(marker)),
		fmt.Sprintf("DELETE FROM %s WHERE load = %s", stagedTable, warehouse.Literal(marker)),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return appendObjects(ctx, tx, objectsTable, r.declared.Name, r.touched)
}
