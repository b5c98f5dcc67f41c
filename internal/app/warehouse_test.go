// Tests of the warehouse that bursar.yaml names.

package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
)

// openWith opens an example project with these settings.
func openWith(t *testing.T, settings string) *App {
	t.Helper()
	dir := t.TempDir()
	if err := project.Init(dir, project.DefaultExample); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bursar.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestWarehouse(t *testing.T) {
	t.Parallel()
	a := openWith(t, "")
	for range 2 { // opened once
		db, err := a.Warehouse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error { return tx.Drop(ctx, "t") }); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(a.state, "warehouse.duckdb")); err != nil {
		t.Error(err)
	}
}

func TestNoWarehouse(t *testing.T) {
	t.Parallel()
	a := openWith(t, "memory: 300MB\nwarehouse:\n  kind: none\n")
	_, err := a.Warehouse(t.Context())
	if failure.Of(err) != failure.Data || !strings.HasPrefix(err.Error(), "bursar.yaml:3: this project has no warehouse (kind none): ") {
		t.Errorf("class %v: %v", failure.Of(err), err)
	}
}
