// Replacing the rows of a table, for databases in which views and rights belong to a table and not to its name. Errors about a table that has
// other rows than it was given.

package warehouse

import (
	"context"
	"fmt"
	"slices"

	"bursar/internal/column"
	"bursar/internal/failure"
)

// KeptRowsError reports that a table has other rows than those that replaced its own (rule 4).
type KeptRowsError struct {
	failure.Unbalanced

	Table     string
	Got, Want int64
}

func (e *KeptRowsError) Error() string {
	return fmt.Sprintf("replace the rows of table %s: it has %d of %d rows then: a trigger, a rule or a policy of the table keeps or leaves out rows; drop it",
		e.Table, e.Got, e.Want)
}

// LeftOutRowsError reports that a table has taken fewer or more rows than were inserted (rule 4).
type LeftOutRowsError struct {
	failure.Unbalanced

	Table     string
	Got, Want int64
}

func (e *LeftOutRowsError) Error() string {
	return fmt.Sprintf("append to table %s: %d of %d rows were inserted: a trigger, a rule or a policy that somebody has made on the table leaves out rows; drop it",
		e.Table, e.Got, e.Want)
}

// ReplaceRows gives a table the rows of another one, which it drops, if both have the same columns: then everything that others have made of
// the table stays, such as views and rights. done is false if the table must give way to the other one. The rows are deleted, because a
// table that was truncated is empty for transactions that began before.
func ReplaceRows(ctx context.Context, db Database, tx Tx, table, by string) (found, done bool, err error) {
	old, found, err := tx.Table(ctx, table)
	if err != nil || !found {
		return false, false, err
	}
	next, _, err := tx.Table(ctx, by)
	isEqual := func(a, b Column) bool { return a.Name == b.Name && a.SQL == b.SQL }
	if err != nil || !slices.EqualFunc(old.Columns, next.Columns, isEqual) {
		return true, false, err
	}
	to, from := Quote(db, table), Quote(db, by)
	for _, sql := range []string{"DELETE FROM " + to, fmt.Sprintf("INSERT INTO %s SELECT * FROM %s", to, from)} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return true, false, err
		}
	}
	if err := compareRows(ctx, db, tx, table, by); err != nil {
		return true, false, err
	}
	return true, true, tx.Drop(ctx, by)
}

// compareRows compares how many rows two tables have: others may have made triggers that change what statements do.
func compareRows(ctx context.Context, db Database, tx Tx, table, by string) error {
	e := KeptRowsError{Table: table}
	sql := fmt.Sprintf("SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM %s)", Quote(db, table), Quote(db, by))
	err := tx.Query(ctx, sql, func(_ []Column, rows []column.Vector) error {
		e.Got, e.Want = rows[0].Ints[0], rows[1].Ints[0]
		return nil
	})
	if err == nil && e.Got != e.Want {
		return &e
	}
	return err
}
