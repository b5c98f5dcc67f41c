//go:build linux && !race

// Tests of what `bursar check --backends` reports of the warehouse.

package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse/redshift/redshifttest"
)

// wantWarehouse checks the line of the warehouse: its beginning, or none.
func wantWarehouse(t *testing.T, dir string, code int, want string) {
	t.Helper()
	got := bursar(t, "check", "--backends", "--project", dir)
	line := ""
	for l := range strings.Lines(got.out) {
		if _, text, _ := strings.Cut(l, " "); strings.HasPrefix(text, "warehouse (") {
			line = l
		}
	}
	if got.code != code || (line == "") != (want == "") || !strings.Contains(line, want) {
		t.Errorf("exit code %d, want %d with the line %q: %s%s", got.code, code, want, got.out, got.err)
	}
}

func TestCheckWarehouseOfOneMachine(t *testing.T) {
	dir := shop(t)
	location := postgrestest.URL(t)
	t.Setenv("BURSAR_WAREHOUSE", location)
	database := location[strings.LastIndex(location, "/")+1 : strings.Index(location, "?")]
	for _, c := range []struct {
		config string
		code   int
		want   string
	}{
		{"", 0, "✓ warehouse (duckdb): .bursar/warehouse.duckdb\n"},
		{"warehouse: {kind: none}", 0, ""},
		{"warehouse: {kind: postgres, url: env:BURSAR_WAREHOUSE}", 0, "/" + database + ", schema warehouse; "},
		{"warehouse: {kind: postgres, url: env:BURSAR_WAREHOUSE, schema: books}", 0, ", schema books; "},
		{"warehouse:\n  kind: postgres\n  url: env:NOWHERE", 2, "✗ warehouse (postgres): bursar.yaml:3: warehouse.url: the environment variable NOWHERE is not set"},
		{"warehouse: {kind: postgres, url: env:BURSAR_WAREHOUSE, schema: env:NOWHERE}", 2, "bursar.yaml:1: warehouse.schema: the environment variable NOWHERE is not set"},
		{"warehouse: {kind: postgres, url: \"postgres://bursar@127.0.0.1:1/books\"}", 1, "check that the server runs and that this machine can reach it [transient]\n"},
	} {
		file(t, dir, "bursar.yaml", c.config+"\n")
		wantWarehouse(t, dir, c.code, c.want)
	}
	if n := postgrestest.Number(t, location, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('warehouse', 'books')"); n > 0 {
		t.Error("the check has created a schema")
	}
}

// TestCheckWarehouseInVault has a warehouse whose URL is a secret: the vault is among the backends.
func TestCheckWarehouseInVault(t *testing.T) {
	dir := shop(t)
	file(t, dir, "bursar.yaml", "warehouse: {kind: postgres, url: vault:warehouse}\n")
	got := bursar(t, "check", "--backends", "--project", dir)
	if got.code != 2 || !strings.Contains(got.out, "✗ vault (file): ") || !strings.Contains(got.out, "✗ warehouse (postgres): ") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
}

// TestCheckWarehouseOfSeveralMachines adds a warehouse to a project that several machines may use.
func TestCheckWarehouseOfSeveralMachines(t *testing.T) {
	dir, database := sharedProject(t)
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(warehouse string) { file(t, dir, "bursar.yaml", string(config)+warehouse+"\n") }
	wantWarehouse(t, dir, 0, "")
	t.Setenv("BURSAR_DATABASE", database)
	with("warehouse: {kind: postgres, url: env:BURSAR_DATABASE}")
	wantWarehouse(t, dir, 0, ", schema warehouse; ")

	t.Setenv("BURSAR_REDSHIFT", redshifttest.Start(t, nil).URL())
	with("warehouse: {kind: redshift, url: env:BURSAR_REDSHIFT, copy_role: arn:aws:iam::123456789012:role/copy}")
	wantWarehouse(t, dir, 0, ", schema warehouse; Redshift 1.0.12103; round trip ")
	with("warehouse: {kind: redshift, url: env:BURSAR_DATABASE, copy_role: arn:aws:iam::123456789012:role/copy}")
	wantWarehouse(t, dir, 1, "the server is not Redshift; for PostgreSQL, set `kind` of the warehouse to postgres [data]")

	postgrestest.Shared(t).Exec(t, "DROP ROLE IF EXISTS without_rights", "CREATE ROLE without_rights LOGIN PASSWORD 'without'")
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("without_rights", "without")
	t.Setenv("BURSAR_WAREHOUSE", u.String())
	with("warehouse: {kind: postgres, url: env:BURSAR_WAREHOUSE}")
	wantWarehouse(t, dir, 1, `GRANT CREATE ON DATABASE `)
}
