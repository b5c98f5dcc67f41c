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
		return tx.Create(ctx, r.declared.Table, r.columns)
	}
	if len(r.added) > 0 {
		if err := tx.AddColumns(ctx, r.declared.Table, r.added); err != nil {
			return err
		}
	}
	if r.mode != replaceFrom {
		return nil
	}
	s := r.declared.Series
	from, period := literal(s.By.Text(r.from)), "period"
	kind := column.Type{Kind: periodKinds[s.By]}
	value := fmt.Sprintf("CAST(%s AS %s)", from, r.db().Type(kind))
	if s.By == project.ByHour {
		value = fmt.Sprintf("CAST(%s AS %s)", literal(s.By.Text(r.from)+":00:00Z"), r.db().Type(kind))
	}
	if s.By == project.ByNumber {
		from, period = s.By.Text(r.from), "CAST(period AS BIGINT)"
	}
	for _, sql := range []string{
		fmt.Sprintf("DELETE FROM %s WHERE %s >= %s", warehouse.Quote(r.db(), r.declared.Table), warehouse.Quote(r.db(), periodColumn), value),
		fmt.Sprintf("DELETE FROM %s WHERE load = %s AND %s >= %s", objectsTable, literal(r.declared.Name), period, from),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// replaceTable makes the staging table the load's table.
func (r *run) replaceTable(ctx context.Context, tx warehouse.Tx) error {
	if err := tx.Replace(ctx, r.declared.Table, r.stagingTable()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM %s WHERE load = %s", objectsTable, literal(r.declared.Name)))
	return err
}

func (r *run) stagingTable() string { return "bursar_staging_" + r.declared.Table }

const pruneSQL = `DELETE FROM %[1]s WHERE load = %[2]s AND NOT EXISTS (SELECT 1 FROM %[3]s o
WHERE o.load = %[2]s AND o.object = %[1]s.object AND o.load_number = %[1]s.load_number)`

// pruneRejected deletes the rejected rows of objects whose rows were replaced.
func (r *run) pruneRejected(ctx context.Context, tx warehouse.Tx) error {
	if r.mode == addRows {
		return nil
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(pruneSQL, rejectedTable, literal(r.declared.Name), objectsTable))
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
		fmt.Sprintf("DELETE FROM %s WHERE load = %s AND object IN (SELECT object FROM %s WHERE load = %s)", objectsTable, literal(r.declared.Name), stagedTable, literal(marker)),
		fmt.Sprintf("DELETE FROM %s WHERE load = %s", stagedTable, literal(marker)),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return appendObjects(ctx, tx, objectsTable, r.declared.Name, r.touched)
}
