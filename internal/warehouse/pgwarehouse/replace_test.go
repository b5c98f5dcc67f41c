// Tests of what a table keeps when it is replaced.

package pgwarehouse_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgwarehouse"
)

// TestReplaceKeeps has a warehouse of a role that is no superuser, and a table that others use: by a view of another role, by rights on a column,
// by a policy for rows, and by a materialized view. All of it stays when the table gets other rows.
func TestReplaceKeeps(t *testing.T) {
	t.Parallel()
	server := postgrestest.Start(t, postgrestest.Options{}) // roles are those of a server
	location := server.Database(t)
	server.Exec(t, "CREATE ROLE books LOGIN PASSWORD 'books'", "CREATE ROLE analyst")
	postgrestest.ExecIn(t, location, "CREATE SCHEMA warehouse AUTHORIZATION books", "CREATE SCHEMA reports AUTHORIZATION analyst")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("books", "books")
	db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: u.String(), Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	number := column.Type{Kind: column.BigInt}
	replace := func(columns ...string) error {
		fields := make([]column.Field, len(columns))
		rows := make([]column.Vector, len(columns))
		for i, name := range columns {
			fields[i], rows[i] = column.Field{Name: name, Type: number}, column.NewVector(number, 1)
			rows[i].AppendInt(20)
		}
		return db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
			if err := tx.Create(ctx, "next", fields); err != nil {
				return err
			}
			_, err := tx.Append(ctx, "next", fields, func(yield func([]column.Vector, error) bool) { yield(rows, nil) })
			if err == nil {
				err = tx.Replace(ctx, "orders", "next")
			}
			return err
		})
	}
	if err := replace("id", "paid"); err != nil {
		t.Fatal(err)
	}
	postgrestest.ExecIn(t, location,
		"GRANT USAGE ON SCHEMA warehouse TO analyst", "GRANT SELECT (paid) ON warehouse.orders TO analyst",
		"ALTER TABLE warehouse.orders ENABLE ROW LEVEL SECURITY", "CREATE POLICY small ON warehouse.orders TO analyst USING (paid < 100)",
		"CREATE VIEW reports.total AS SELECT sum(paid) AS paid FROM warehouse.orders", "ALTER VIEW reports.total OWNER TO analyst",
		"CREATE MATERIALIZED VIEW warehouse.kept AS SELECT paid FROM warehouse.orders",
		"INSERT INTO warehouse.orders VALUES (1, 1), (2, 500)")
	if err := replace("id", "paid"); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]int64{
		"SELECT sum(paid)::bigint FROM warehouse.orders":                                                         20,
		"SELECT paid::bigint FROM reports.total":                                                                 20,
		"SELECT has_column_privilege('analyst', 'warehouse.orders', 'paid', 'SELECT')::int":                      1,
		"SELECT has_column_privilege('analyst', 'warehouse.orders', 'id', 'SELECT')::int":                        0,
		"SELECT count(*) FROM pg_policies WHERE tablename = 'orders'":                                            1,
		"SELECT count(*) FROM pg_tables WHERE schemaname = 'warehouse' AND tablename = 'orders' AND rowsecurity": 1,
		"SELECT count(*) FROM pg_tables WHERE schemaname = 'warehouse' AND tablename = 'next'":                   0,
	} {
		if n := postgrestest.Number(t, location, sql); n != want {
			t.Errorf("%s: %d, want %d", sql, n, want)
		}
	}
	if err := replace("id", "paid", "more"); failure.Of(err) != failure.Data {
		t.Errorf("a table with other columns and a view of another role: %v", err)
	}
	postgrestest.ExecIn(t, location, "DROP VIEW reports.total", "DROP MATERIALIZED VIEW warehouse.kept")
	if err := replace("id", "paid", "more"); err != nil {
		t.Error(err)
	}
	server.Exec(t, "CREATE ROLE owner")
	postgrestest.ExecIn(t, location, "ALTER TABLE warehouse.orders OWNER TO owner")
	if err := replace("id", "paid", "more"); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), `ALTER TABLE "orders" OWNER TO`) {
		t.Errorf("a table of another role: %v", err)
	}
}

// TestAppendBesideTriggers appends to tables on which others have made a trigger or a policy: the error says so, and nothing is changed.
func TestAppendBesideTriggers(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: location, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	number := []column.Field{{Name: "n", Type: column.Type{Kind: column.BigInt}}}
	err = db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error { return tx.Create(ctx, "t", number) })
	if err != nil {
		t.Fatal(err)
	}
	postgrestest.ExecIn(t, location, "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
		"CREATE TRIGGER f BEFORE INSERT ON warehouse.t FOR EACH ROW WHEN (NEW.n > 2) EXECUTE FUNCTION nothing()")
	err = db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		rows := column.NewVector(number[0].Type, 3)
		for n := range int64(3) {
			rows.AppendInt(n + 1)
		}
		_, err := tx.Append(ctx, "t", number, func(yield func([]column.Vector, error) bool) { yield([]column.Vector{rows}, nil) })
		return err
	})
	var left *warehouse.LeftOutRowsError
	if !errors.As(err, &left) || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "2 of 3 rows were inserted: a trigger, a rule or a policy") {
		t.Errorf("beside a trigger: %v", err)
	}
	if n := postgrestest.Number(t, location, "SELECT count(*)::bigint FROM warehouse.t"); n != 0 {
		t.Errorf("the table has %d rows", n)
	}
}

// TestReplaceBesideTriggers replaces the rows of tables that others have given triggers or rules, which keep rows or leave out some: the error
// counts the rows, and nothing is changed.
func TestReplaceBesideTriggers(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: location, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	number := []column.Field{{Name: "n", Type: column.Type{Kind: column.BigInt}}}
	replace := func(numbers ...int64) error {
		rows := column.NewVector(number[0].Type, len(numbers))
		for _, n := range numbers {
			rows.AppendInt(n)
		}
		return db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
			if err := tx.Create(ctx, "next", number); err != nil {
				return err
			}
			_, err := tx.Append(ctx, "next", number, func(yield func([]column.Vector, error) bool) { yield([]column.Vector{rows}, nil) })
			if err == nil {
				err = tx.Replace(ctx, "t", "next")
			}
			return err
		})
	}
	postgrestest.ExecIn(t, location, "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	for _, c := range []struct{ made, want string }{
		{"CREATE TRIGGER f BEFORE DELETE ON warehouse.t FOR EACH ROW WHEN (OLD.n = 1) EXECUTE FUNCTION nothing()", "4 of 3 rows"},
		{"CREATE TRIGGER f BEFORE INSERT ON warehouse.t FOR EACH ROW WHEN (NEW.n > 4) EXECUTE FUNCTION nothing()", "1 of 3 rows"},
		{"CREATE RULE f AS ON DELETE TO warehouse.t DO INSTEAD NOTHING", "5 of 3 rows"},
	} {
		postgrestest.ExecIn(t, location, "DROP TABLE IF EXISTS warehouse.t")
		if err := replace(1, 2); err != nil {
			t.Fatal(err)
		}
		postgrestest.ExecIn(t, location, c.made)
		var kept *warehouse.KeptRowsError
		if err := replace(4, 5, 6); !errors.As(err, &kept) || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.made, err)
		}
		if n := postgrestest.Number(t, location, "SELECT sum(n)::bigint FROM warehouse.t"); n != 3 {
			t.Errorf("%s: the numbers are %d then", c.made, n)
		}
	}
}
