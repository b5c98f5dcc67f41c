// Tests of users with too few rights: what the error says, and that its statements are enough.

package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

// as returns the URL of a database for a new role.
func as(t *testing.T, location, role string) string {
	t.Helper()
	postgrestest.Shared(t).Exec(t, "DROP ROLE IF EXISTS "+role, "CREATE ROLE "+role+" LOGIN PASSWORD 'of a role'")
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "of a role")
	return u.String()
}

func wantAdvice(t *testing.T, what string, err error, wants ...string) {
	t.Helper()
	if err == nil || failure.Of(err) != failure.Data {
		t.Fatalf("%s: %v (%v)", what, err, failure.Of(err))
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	if strings.Contains(err.Error(), "…") {
		t.Errorf("%s: %v is not complete", what, err)
	}
}

func TestNoUsage(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	migrated(t, postgres.Config{URL: location})
	pool := open(t, postgres.Config{URL: as(t, location, "without_usage")})
	asked := false
	c := component(1)
	c.MayCreate = func(context.Context) error { asked = true; return nil }
	err := pool.Migrate(t.Context(), c)
	wantAdvice(t, "migrate", err, `the user "without_usage" has not the rights`, `GRANT USAGE, CREATE ON SCHEMA "bursar" TO "without_usage"`)
	if asked {
		t.Error("it asks whether to create tables that it cannot see")
	}
	if _, err := pool.Exec(t.Context(), "SELECT * FROM bursar.things"); err != nil {
		wantAdvice(t, "read", postgres.Classify(err), `GRANT USAGE, CREATE ON SCHEMA "bursar" TO the user in the connection URL`)
	}
}

// TestForeignVersions has a schema in which another program has a table of the same name.
func TestForeignVersions(t *testing.T) {
	t.Parallel()
	pool := open(t, postgres.Config{URL: postgrestest.URL(t)})
	if _, err := pool.Exec(t.Context(), "CREATE SCHEMA bursar; CREATE TABLE bursar.bursar_schema (version int)"); err != nil {
		t.Fatal(err)
	}
	wantAdvice(t, "migrate", pool.Migrate(t.Context(), component(1)), `the table bursar_schema in schema "bursar" belongs to another program`, "set another schema")
}

// TestForeignTables has a role that may read and write the tables of another one, but neither drop nor upgrade them.
func TestForeignTables(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	owner := migrated(t, postgres.Config{URL: location})
	guest := postgres.Config{URL: as(t, location, "not_owner")}
	for _, statement := range []string{
		"GRANT USAGE, CREATE ON SCHEMA bursar TO not_owner", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bursar TO not_owner",
		"CREATE TABLE later_1 (n int)", "CREATE TABLE other (n int)",
	} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	c := component(1)
	c.Prefix = "later_"
	report, err := postgres.Check(t.Context(), guest, c)
	wantAdvice(t, "check", err, `does not own "bursar"."bursar_schema", "bursar"."later_1", "bursar"."things"`, `ALTER TABLE "bursar"."things" OWNER TO "not_owner"`)
	if !slices.Equal(report.Foreign, []string{`"bursar"."bursar_schema"`, `"bursar"."later_1"`, `"bursar"."things"`}) || report.Owner != postgrestest.User {
		t.Errorf("check reports %+v", report)
	}
	follow := func(err error) {
		t.Helper()
		_, statements, _ := strings.Cut(err.Error(), "run as a superuser in the database ")
		_, statements, _ = strings.Cut(statements, ": ")
		if _, err := owner.Exec(t.Context(), statements); err != nil {
			t.Fatalf("%s: %v", statements, err)
		}
		if report, err := postgres.Check(t.Context(), guest, c); err != nil {
			t.Errorf("after its statements, check reports %+v, %v", report, err)
		}
	}
	follow(err)
	if _, err := owner.Exec(t.Context(), "CREATE TABLE later_2 (n int); CREATE TABLE later_3 (n int); CREATE TABLE later_4 (n int); CREATE TABLE later_5 (n int)"); err != nil {
		t.Fatal(err)
	}
	_, err = postgres.Check(t.Context(), guest, c)
	wantAdvice(t, "check", err, `"bursar"."later_4" and 1 more: `, `OWNER TO "not_owner"`)
	follow(err)
}

// TestDenied checks the next steps of statements that the server denies.
func TestDenied(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	owner := migrated(t, postgres.Config{URL: location})
	guest := open(t, postgres.Config{URL: as(t, location, "denied")})
	if _, err := owner.Exec(t.Context(), "GRANT USAGE ON SCHEMA bursar TO denied"); err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]string{
		"SELECT * FROM things":         `ALTER TABLE "bursar"."things" OWNER TO "denied"`,
		"DROP TABLE things":            `ALTER TABLE "bursar"."things" OWNER TO "denied"`,
		"CREATE TABLE new_one (n int)": `GRANT USAGE, CREATE ON SCHEMA "bursar" TO "denied"`,
		"CREATE SCHEMA new_one":        `GRANT CONNECT, CREATE ON DATABASE "test_`,
	} {
		err := guest.InTransaction(t.Context(), pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, statement)
			return err
		})
		wantAdvice(t, statement, err, want)
	}
	if _, err := owner.Exec(t.Context(), "DO $$ BEGIN EXECUTE 'REVOKE CONNECT ON DATABASE ' || current_database() || ' FROM PUBLIC'; END $$"); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.Open(t.Context(), postgres.Config{URL: as(t, location, "no_connect")})
	wantAdvice(t, "connect", err, "GRANT CONNECT, CREATE ON DATABASE", `TO "no_connect"`)
}

// TestMayCreate refuses to create the tables in a schema, which then does not exist.
func TestMayCreate(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	refused := errors.New("not here")
	c := component(1)
	c.MayCreate = func(context.Context) error { return refused }
	pool := open(t, postgres.Config{URL: location, Schema: "wrong"})
	if err := pool.Migrate(t.Context(), c); !errors.Is(err, refused) {
		t.Errorf("migrate: %v", err)
	}
	if n := postgrestest.Number(t, location, "SELECT count(*) FROM pg_namespace WHERE nspname = 'wrong'"); n > 0 {
		t.Error("the schema was created")
	}
	migrated(t, postgres.Config{URL: location})
	if err := open(t, postgres.Config{URL: location}).Migrate(t.Context(), c); err != nil {
		t.Errorf("tables that exist: %v", err)
	}
}
