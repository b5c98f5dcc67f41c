// Tests of staged rows and of indexes.

package warehousetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// stages replaces rows of a table by staged ones with the same key, several times in one transaction.
func stages(t *testing.T, open Opener) {
	db := opened(t, open)
	columns := []column.Field{field("id", "bigint"), field("note", "string"), field("more", "json")}
	create(t, db, "t", columns, vector("bigint", 1, 2, 3), vector("string", "a", "b", "c"), vector("json", "1", "2", "3"))
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		if err := tx.Index(ctx, "t", []string{"id", "note"}, false); err != nil {
			return err
		}
		if err := tx.Index(ctx, "t", []string{"id"}, true); err != nil {
			return err
		}
		for round := range 2 {
			rows := []column.Vector{vector("bigint", 3+round, 4+round), vector("string", "d", "e"), vector("json", `{"x":1.50}`, "null")}
			if err := upsert(ctx, db, tx, columns, rows); err != nil {
				return err
			}
		}
		return nil
	})
	wantRows(t, db, "SELECT id, note FROM t ORDER BY id", "1|a", "2|b", "3|d", "4|d", "5|e")
}

func upsert(ctx context.Context, db warehouse.Database, tx warehouse.Tx, columns []column.Field, rows []column.Vector) error {
	from, n, err := tx.Stage(ctx, columns, once(rows))
	if err == nil && n != 2 {
		err = fmt.Errorf("%d rows are staged", n)
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf("DELETE FROM t WHERE EXISTS (SELECT 1 FROM %s s WHERE s.id = t.id)", from)); err != nil {
		return err
	}
	n, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO t (%s) SELECT %[1]s FROM %[2]s s", warehouse.QuoteAll(db, columns), from))
	if err == nil && n != 2 {
		err = fmt.Errorf("%d rows are inserted", n)
	}
	return err
}

// stagesNothing stages no rows, of columns with all types.
func stagesNothing(t *testing.T, open Opener) {
	db := opened(t, open)
	create(t, db, "t", allColumns, column.NewVectors(column.Types(allColumns), 0)...)
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		from, n, err := tx.Stage(ctx, allColumns, func(func([]column.Vector, error) bool) {})
		if err != nil || n != 0 {
			return fmt.Errorf("%d rows are staged: %w", n, err)
		}
		n, err = tx.Exec(ctx, fmt.Sprintf("INSERT INTO t SELECT * FROM %s", from))
		if err == nil && n != 0 {
			err = fmt.Errorf("%d rows are inserted", n)
		}
		return err
	})
	if got := rows(t, db, "SELECT * FROM t"); len(got) > 0 {
		t.Errorf("the table has %v", got)
	}
}

// compares stages rows beside a table that is written meanwhile.
func compares(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1, 2)
	must(t, db.Compare(t.Context(), func(ctx context.Context, r warehouse.Stager) error {
		before, err := rowsIn(ctx, r, "SELECT n FROM t ORDER BY n")
		if err != nil {
			return err
		}
		write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE t SET n = n + 1")
			return err
		})
		for range 2 {
			from, n, err := r.Stage(ctx, numberColumns, once([]column.Vector{vector("bigint", 1, 2, 3, 4, 5)}))
			if err != nil || n != 5 {
				return fmt.Errorf("%d rows are staged: %w", n, err)
			}
			same, err := rowsIn(ctx, r, fmt.Sprintf("SELECT n FROM t INTERSECT SELECT n FROM %s AS s ORDER BY n", from))
			if err != nil {
				return err
			}
			if !slices.Equal(same, before) {
				t.Errorf("it sees %v and %v", before, same)
			}
		}
		return nil
	}))
}
