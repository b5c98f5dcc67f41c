// A damaged warehouse is found by verify, put aside by repair, and published again.

package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/reconcile/verify"
)

func TestDamagedWarehouse(t *testing.T) {
	t.Parallel()
	a := openSmall(t, ordersYAML)
	pay(t, a, "1 a 10.00", "2 b 20.00")
	runAll(t, a, "orders")
	publishAll(t, a)
	dir, path := filepath.Dir(a.state), a.warehouseFile()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	a = openHere(t, dir)
	wantWarehouseCheck(t, a, false)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := Repair(t.Context(), dir, RepairOptions{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil || !done.OK || len(done.Done) != 1 || !strings.Contains(done.Done[0], "warehouse.duckdb.damaged") {
		t.Fatalf("repair: %+v, %v", done, err)
	}
	a = openHere(t, dir)
	publishAll(t, a)
	wantAnswer(t, a, `SELECT "order", paid FROM orders ORDER BY 1`, "a|10.00", "b|20.00")
	checkVerified(t, a)
	wantWarehouseCheck(t, a, true)
}

// TestMisplacedWarehouse has something else than a file in the warehouse's place: verify and repair say what to do.
func TestMisplacedWarehouse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(path string) error
		want string
	}{
		"link":   {func(path string) error { return os.Symlink("nowhere.duckdb", path) }, "warehouse.duckdb is a link to nowhere.duckdb, which does not exist: put the file back there, or remove the link"},
		"folder": {func(path string) error { return os.Mkdir(path, 0o700) }, "warehouse.duckdb is not a regular file: move it away"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openSmall(t, ordersYAML)
			dir := filepath.Dir(a.state)
			if err := c.make(a.warehouseFile()); err != nil {
				t.Fatal(err)
			}
			out, err := a.VerifyProject(t.Context(), verify.Options{}, func(string, int64, int64) {})
			i := slices.IndexFunc(out.Checks, func(c ProjectCheck) bool { return c.Name == "warehouse" })
			if err != nil || out.OK || i < 0 || out.Checks[i].OK || out.Checks[i].Remedy != "" || !strings.Contains(out.Checks[i].Detail, c.want) {
				t.Errorf("verify: %+v, %v", out, err)
			}
			if _, err := a.VerifyTables(t.Context(), nil); err == nil || strings.Count(err.Error(), c.want) != 1 {
				t.Errorf("the tables: %v", err)
			}
			if _, err := a.WarehouseStatus(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the status: %v", err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = Repair(t.Context(), dir, RepairOptions{}, slog.New(slog.DiscardHandler))
			if failure.Of(err) != failure.Data || !strings.Contains(err.Error(), c.want) {
				t.Errorf("repair: %v", err)
			}
		})
	}
}

func wantWarehouseCheck(t *testing.T, a *App, ok bool) {
	t.Helper()
	out, err := a.VerifyProject(t.Context(), verify.Options{}, func(string, int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range out.Checks {
		if c.Name == "warehouse" {
			if c.OK != ok || out.OK != ok || !ok && c.Remedy != repairRemedy {
				t.Errorf("%+v", c)
			}
			return
		}
	}
	t.Error("the warehouse is not checked")
}
