// A damaged warehouse is found by verify, put aside by repair, and published again.

package app

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
