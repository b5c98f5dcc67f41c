// Tests of checking a database.

package pgwarehouse_test

import (
	"net/url"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse/pgwarehouse"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	for _, version := range []int{0, 1} {
		report, err := pgwarehouse.Check(t.Context(), postgres.Config{URL: location})
		if err != nil || report.SchemaVersion != version || report.Schema != "warehouse" || report.Version == "" || report.RoundTrip == 0 {
			t.Errorf("%+v, %v, want version %d", report, err, version)
		}
		if n := postgrestest.Number(t, location, "SELECT count(*) FROM pg_namespace WHERE nspname = 'warehouse'"); int(n) != version {
			t.Errorf("there are %d schemas", n)
		}
		db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: location})
		if err != nil {
			t.Fatal(err)
		}
		_ = db.Close()
	}
}

// TestCheckRights has a role that may neither create the schema nor, when it exists, tables in it.
func TestCheckRights(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	postgrestest.Shared(t).Exec(t, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'reader'")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("reader", "reader")
	for _, c := range []struct{ sql, want string }{
		{"SELECT 1", `TO "reader"`},
		{"CREATE SCHEMA warehouse", `GRANT USAGE, CREATE ON SCHEMA "warehouse" TO "reader"`},
		{"GRANT USAGE ON SCHEMA warehouse TO reader", `GRANT CREATE ON SCHEMA "warehouse" TO "reader"`},
	} {
		postgrestest.ExecIn(t, location, c.sql)
		if _, err := pgwarehouse.Check(t.Context(), postgres.Config{URL: u.String()}); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.sql, err, c.want)
		}
	}
	postgrestest.ExecIn(t, location, "GRANT CREATE ON SCHEMA warehouse TO reader")
	if _, err := pgwarehouse.Check(t.Context(), postgres.Config{URL: u.String()}); err != nil {
		t.Error(err)
	}
}
