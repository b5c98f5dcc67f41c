// Tests of tables: describing, growing, replacing and dropping them.

package warehousetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

func table(t *testing.T, db warehouse.Database, name string) (out warehouse.Table, found bool) {
	t.Helper()
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) (err error) {
		out, found, err = r.Table(ctx, name)
		return err
	}))
	return out, found
}

func describes(t *testing.T, open Opener) {
	db := opened(t, open)
	if _, found := table(t, db, "all_types"); found {
		t.Error("a table that does not exist is found")
	}
	create(t, db, "all_types", allColumns, column.NewVectors(column.Types(allColumns), 0)...)
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Exec(ctx, "CREATE VIEW a_view AS SELECT an_int, narrow FROM all_types")
		return err
	})
	got, found := table(t, db, "all_types")
	if !found || got.View || len(got.Columns) != len(allColumns) {
		t.Fatalf("the table is %+v", got)
	}
	for i, c := range got.Columns {
		if want := allColumns[i]; c.Name != want.Name || c.Type.String() != want.Type.String() || c.SQL != db.Type(want.Type) {
			t.Errorf("column %d is %+v, want %+v, which is %s", i, c, want, db.Type(want.Type))
		}
	}
	if got, found := table(t, db, "a_view"); !found || !got.View || len(got.Columns) != 2 {
		t.Errorf("the view is %+v", got)
	}
}

func addsColumns(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	more := []column.Field{field("amount", "decimal(18,2)"), field("text", "string")}
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		if err := tx.AddColumns(ctx, "t", more); err != nil {
			return err
		}
		_, err := tx.Append(ctx, "t", append(slices.Clone(numberColumns), more...), once([]column.Vector{
			vector("bigint", 2), vector("decimal(18,2)", 150), vector("string", "x"),
		}))
		return err
	})
	wantRows(t, db, "SELECT * FROM t ORDER BY n", "1|NULL|NULL", "2|1.50|x")
}

// appendsSome appends to some columns, in another order than that of the table.
func appendsSome(t *testing.T, open Opener) {
	db := opened(t, open)
	create(t, db, "all_types", allColumns, column.NewVectors(column.Types(allColumns), 0)...)
	columns := []column.Field{field("a_bigint", "bigint"), field("a_string", "string")}
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Append(ctx, "all_types", columns, once([]column.Vector{vector("bigint", 5), vector("string", "five")}))
		return err
	})
	wantRows(t, db, "SELECT a_string, a_bigint, a_bool FROM all_types", "five|5|NULL")
}

func replaces(t *testing.T, open Opener) {
	db := opened(t, open)
	for i := range 3 {
		write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
			columns := append([]column.Field{field(fmt.Sprintf("of_%d", i), "string")}, numberColumns...)
			if err := tx.Create(ctx, "staged", columns); err != nil {
				return err
			}
			if _, err := tx.Append(ctx, "staged", numberColumns, once([]column.Vector{vector("bigint", i)})); err != nil {
				return err
			}
			return tx.Replace(ctx, "t", "staged")
		})
		wantRows(t, db, "SELECT * FROM t", fmt.Sprintf("NULL|%d", i))
	}
	if _, found := table(t, db, "staged"); found {
		t.Error("the staged table is still there")
	}
}

// replacesBelowViews replaces a table that has views, which have views.
func replacesBelowViews(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1, 2)
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		for _, sql := range []string{
			"CREATE VIEW doubled AS SELECT 2 * n AS twice FROM t", "CREATE VIEW total AS SELECT CAST(sum(twice) AS BIGINT) AS total FROM doubled",
			`CREATE VIEW "both ""views""" AS SELECT total, twice FROM total, doubled`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	createNumbers(t, db, "staged", 10, 20, 30)
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error { return tx.Replace(ctx, "t", "staged") })
	wantRows(t, db, "SELECT total FROM total", "120")
	wantRows(t, db, `SELECT total, twice FROM "both ""views""" ORDER BY twice`, "120|20", "120|40", "120|60")
}

// blanks compares texts that differ only in blanks at their end.
func blanks(t *testing.T, open Opener) {
	db := opened(t, open)
	columns := []column.Field{field("k", "string"), field("j", "bigint")}
	create(t, db, "t", columns, vector("string", "a", "a ", "a  ", "b", nil), vector("bigint", 1, 1, 1, 1, nil))
	create(t, db, "u", columns, vector("string", "a ", "b "), vector("bigint", 1, 1))
	wantRows(t, db, fmt.Sprintf("SELECT count(*) FROM (SELECT count(*) AS n FROM t GROUP BY %s) AS g", warehouse.ExactList(db, columns)), "5")
	wantRows(t, db, "SELECT t.k FROM t JOIN u ON "+warehouse.SameSQL(db, "t.", "u.", columns), "a ")
}

func drops(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		for range 2 {
			if err := tx.Drop(ctx, "t"); err != nil {
				return err
			}
		}
		return nil
	})
	if _, found := table(t, db, "t"); found {
		t.Error("the table is still there")
	}
	createNumbers(t, db, "t", 2)
	wantRows(t, db, "SELECT n FROM t", "2")
}
