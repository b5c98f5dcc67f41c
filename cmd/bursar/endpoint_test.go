//go:build linux

// Clients of PostgreSQL at the warehouse of `bursar up`.

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestUpServesWarehouse connects while `up` publishes, which the next statement sees, and is disconnected when it stops.
func TestUpServesWarehouse(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, "bursar.yaml", "warehouse: {listen: \"127.0.0.1:0\", password: secretwords}\n")
	must(t, 0, "ingest", "payments", file(t, dir, "1.jsonl", good("first")), "--project", dir)
	must(t, 0, "publish", "--project", dir)
	u := bringUp(t, dir)
	address := words(u.ready, "warehouse")
	if _, err := pgx.Connect(t.Context(), "postgres://bursar:wrong@"+address+"/warehouse?sslmode=disable"); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("a wrong password: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), "postgres://bursar:secretwords@"+address+"/warehouse?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM public.events_payments WHERE _batch > $1", 0).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 1 {
		t.Errorf("%d events", n)
	}
	must(t, 0, "ingest", "payments", file(t, dir, "2.jsonl", good("second")), "--project", dir)
	must(t, 0, "publish", "--project", dir)
	if n := count(); n != 2 {
		t.Errorf("%d events after another batch was published", n)
	}
	u.stop(os.Interrupt, 0)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the connection is open after the end")
	}
}

// TestEndpointIsChecked checks declarations of an endpoint that nobody may use, or that no file is for.
func TestEndpointIsChecked(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		"warehouse: {listen: \"127.0.0.1:0\"}\n":                                          "`listen` needs `password`, too",
		"warehouse: {kind: postgres, url: env:X, listen: \"127.0.0.1:0\", password: p}\n": "clients of this kind connect to the database itself",
	} {
		dir := shop(t)
		file(t, dir, "bursar.yaml", config)
		if got := must(t, 2, "check", "--project", dir); !strings.Contains(got.out+got.err, want) {
			t.Errorf("%s: %+v", config, got)
		}
	}
}
