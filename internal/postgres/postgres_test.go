// Tests of opening a database, of errors a person has to act on, and of versions of schemas, against a real server.

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

// open opens a pool that is closed with the test.
func open(t *testing.T, config postgres.Config) *postgres.Pool {
	t.Helper()
	pool, err := postgres.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestSessionSettings(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	location = postgrestest.WithSetting(t, location, "TimeZone", "Europe/Prague")
	location = postgrestest.WithSetting(t, location, "tcp_keepalives_idle", "77")
	pool := open(t, postgres.Config{URL: location, Schema: `My "schema"`, StatementTimeout: 3 * time.Second, Settings: map[string]string{"work_mem": "7MB"}})
	for name, want := range map[string]string{
		"TimeZone": "UTC", "client_encoding": "UTF8", "DateStyle": "ISO, YMD", "application_name": "bursar", "statement_timeout": "3s",
		"search_path": `"My ""schema"""`, "tcp_keepalives_idle": "77", "idle_in_transaction_session_timeout": "5min", "work_mem": "7MB",
	} {
		var got string
		if err := pool.QueryRow(context.Background(), "SELECT current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
	}
}

// Errors of opening have the class and the next step of what is wrong, and never the password.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	good := postgrestest.URL(t)
	server := postgrestest.Shared(t)
	server.Exec(t, "DROP DATABASE IF EXISTS latin", "DROP ROLE IF EXISTS guest", "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0", "CREATE ROLE guest LOGIN PASSWORD 'guest secret' CONNECTION LIMIT 0")
	replace := func(change func(u *url.URL)) string {
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	const secret = "unguessable-1"
	cases := map[string]struct {
		url   string
		class failure.Class
		want  string
	}{
		"wrong password":     {replace(func(u *url.URL) { u.User = url.UserPassword("bursar", secret) }), failure.Data, "check the user and the password"},
		"no such role":       {replace(func(u *url.URL) { u.User = url.UserPassword("nobody", secret) }), failure.Data, "check the user and the password"},
		"no such database":   {replace(func(u *url.URL) { u.Path = "/missing" }), failure.Data, "create the database with `createdb --owner bursar --encoding UTF8 --template template0 missing`"},
		"encoding":           {replace(func(u *url.URL) { u.Path = "/latin" }), failure.Data, "LATIN1, not UTF8; create one with `createdb --owner bursar --encoding UTF8 --template template0 NAME`"},
		"not reachable":      {replace(func(u *url.URL) { u.Host = "127.0.0.1:1" }), failure.Transient, "check that the server runs"},
		"no such host":       {replace(func(u *url.URL) { u.Host = "host.invalid" }), failure.Transient, "check the host"},
		"no TLS":             {replace(func(u *url.URL) { u.RawQuery = "sslmode=require" }), failure.Data, "does not support TLS"},
		"too many sessions":  {replace(func(u *url.URL) { u.User = url.UserPassword("guest", "guest secret") }), failure.Throttled, "max_connections"},
		"not a URL":          {"postgres://bursar:" + secret + "/x@host/db", failure.Data, "not valid"},
		"@ in a password":    {"postgres://bursar:" + secret + "@" + secret + "/x@host/db", failure.Data, "write @ as %40"},
		"? in a password":    {"postgres://bursar:1?" + secret + "@host/db", failure.Data, "? as %3F"},
		"# in a password":    {"postgres://bursar:1#" + secret + "@host/db", failure.Data, "# as %23"},
		"/ in a password":    {"postgresql://bursar:1/" + secret + "@host/db", failure.Data, "/ as %2F"},
		"not key=value":      {"password=" + secret + " host", failure.Data, "not valid"},
		"wrong mode":         {"password=" + secret + " host=127.0.0.1 sslmode=maybe", failure.Data, "sslmode"},
		"no authority file":  {"password=" + secret + " host=127.0.0.1 sslmode=verify-full sslrootcert=/missing.crt", failure.Data, "/missing.crt"},
		"password in braces": {"postgres://bursar:" + secret + "`: @host:port/db", failure.Data, "not valid"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, err := postgres.Open(context.Background(), postgres.Config{URL: c.url, RetryFor: time.Millisecond})
			if err == nil {
				pool.Close()
				t.Fatal("no error")
			}
			text := err.Error()
			if !strings.Contains(text, c.want) || failure.Of(err) != c.class {
				t.Errorf("class %v, %s", failure.Of(err), text)
			}
			for _, password := range []string{secret, postgrestest.Password, "guest secret", url.QueryEscape(postgrestest.Password)} {
				if strings.Contains(text, password) {
					t.Errorf("the password is in: %s", text)
				}
			}
			if strings.ContainsAny(text, "\n\t") {
				t.Errorf("more than a line: %q", text)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	valid := postgrestest.NewCertificate(t, time.Now().Add(24*time.Hour))
	expired := postgrestest.NewCertificate(t, time.Now().Add(-time.Hour))
	good := postgrestest.Start(t, postgrestest.Options{Certificate: valid})
	old := postgrestest.Start(t, postgrestest.Options{Certificate: expired})
	verify := func(s *postgrestest.Server, authority string) string {
		location := postgrestest.WithSetting(t, s.Database(t), "sslmode", "verify-full")
		return postgrestest.WithSetting(t, location, "sslrootcert", authority)
	}
	pool := open(t, postgres.Config{URL: verify(good, valid.File(t))})
	var encrypted bool
	if err := pool.QueryRow(context.Background(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil || !encrypted {
		t.Errorf("encrypted: %v, %v", encrypted, err)
	}
	for want, location := range map[string]string{
		"name the file of the authority": verify(good, expired.File(t)),
		"renew the server's certificate": verify(old, expired.File(t)),
	} {
		_, err := postgres.Open(context.Background(), postgres.Config{URL: location})
		if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestStandby(t *testing.T) {
	t.Parallel()
	location := postgrestest.WithSetting(t, postgrestest.URL(t), "default_transaction_read_only", "on")
	pool := open(t, postgres.Config{URL: location})
	err := pool.Migrate(context.Background(), component(1))
	if err == nil || failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "read-only standby") {
		t.Errorf("migrate where nothing may be written: %v", err)
	}
}

func component(version int) postgres.Component {
	return postgres.Component{
		Name: "things", Version: version, Tables: []string{"things"}, Create: "CREATE TABLE things (n int); INSERT INTO things VALUES (1)",
		Upgrades: map[int]string{2: "ALTER TABLE things ADD COLUMN m int; UPDATE things SET m = n", 3: "UPDATE things SET n = n + 1"},
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	ctx, location := context.Background(), postgrestest.URL(t)
	pool := open(t, postgres.Config{URL: location})
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			if err := pool.Migrate(ctx, component(2)); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	for range 2 {
		if err := pool.Migrate(ctx, component(4)); err != nil {
			t.Fatal(err)
		}
	}
	var n, m int
	if err := pool.QueryRow(ctx, "SELECT n, m FROM things").Scan(&n, &m); err != nil || n != 2 || m != 1 {
		t.Errorf("upgraded to %d, %d, %v", n, m, err)
	}
	var refused *postgres.SchemaError
	if err := pool.Migrate(ctx, component(3)); !errors.As(err, &refused) || refused.Found != 4 || refused.Wanted != 3 || failure.Of(err) != failure.Data {
		t.Errorf("newer schema: %v", err)
	}
	if err := pool.Migrate(ctx, component(6)); !errors.As(err, &refused) || refused.Found != 4 {
		t.Errorf("schema that cannot be upgraded: %v", err)
	}
	if version, err := pool.Version(ctx, "things"); version != 4 || err != nil {
		t.Errorf("version %d, %v", version, err)
	}
	// Another schema of the same database is independent.
	other := open(t, postgres.Config{URL: location, Schema: "other"})
	if version, err := other.Version(ctx, "things"); version != 0 || err != nil {
		t.Errorf("version in another schema %d, %v", version, err)
	}
	if err := other.Migrate(ctx, component(1)); err != nil {
		t.Error(err)
	}
}

func TestNoRights(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	location := postgrestest.URL(t)
	server.Exec(t, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'reader'") // of a run of this test before
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("reader", "reader")
	pool := open(t, postgres.Config{URL: u.String()})
	_, checkErr := postgres.Check(context.Background(), postgres.Config{URL: u.String()}, component(1))
	if failure.Of(checkErr) != failure.Data || !strings.Contains(fmt.Sprint(checkErr), `GRANT CREATE ON DATABASE`) {
		t.Errorf("check without the right to create a schema: %v", checkErr)
	}
	err = pool.Migrate(context.Background(), component(1))
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "GRANT") {
		t.Errorf("create a schema without the right: %v", err)
	}
	err = pool.InTransaction(context.Background(), pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT * FROM missing")
		return err
	})
	if err == nil || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "was it dropped") {
		t.Errorf("read a missing table: %v", err)
	}
	owner := migrated(t, postgres.Config{URL: location})
	for _, grant := range []string{"USAGE, CREATE ON SCHEMA bursar", "SELECT, INSERT, UPDATE, DELETE ON bursar.bursar_schema", "SELECT, INSERT, DELETE ON bursar.things"} {
		if _, err := owner.Exec(context.Background(), "GRANT "+grant+" TO reader"); err != nil {
			t.Fatal(err)
		}
	}
	report, err := postgres.Check(context.Background(), postgres.Config{URL: u.String()}, component(1))
	if !slices.Equal(report.Missing, []string{`UPDATE ON "bursar"."things"`}) || failure.Of(err) != failure.Data {
		t.Errorf("check without one right: %+v, %v", report, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t)}
	report, err := postgres.Check(context.Background(), config, component(1))
	if err != nil || report.SchemaVersion != 0 || report.Version == "" || report.RoundTrip <= 0 || report.Encrypted || report.Schema != "bursar" {
		t.Errorf("an empty database: %+v, %v", report, err)
	}
	migrated(t, config)
	report, err = postgres.Check(context.Background(), config, component(1))
	if err != nil || report.SchemaVersion != 1 || report.User != postgrestest.User || len(report.Missing) != 0 {
		t.Errorf("its own schema: %+v, %v", report, err)
	}
	if _, err = postgres.Check(context.Background(), config, component(2)); !errors.As(err, new(*postgres.SchemaError)) {
		t.Errorf("a schema that cannot be upgraded: %v", err)
	}
}
