// Tests of what a table keeps when it is replaced.

package pgwarehouse_test

import (
	"context"
	"net/url"
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
}
