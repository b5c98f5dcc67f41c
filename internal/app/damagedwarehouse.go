// Verification and repair of a warehouse that is a file. What it holds is made again from what is sealed, so a damaged one is put aside.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"bursar/internal/reconcile"
	"bursar/internal/warehouse/duckwarehouse"
)

// checkWarehouse reads all tables of a warehouse that is a file. Whether their rows are those of the streams and pipelines is for
// `bursar publish --verify`.
func (v *projectVerification) checkWarehouse(ctx context.Context) error {
	if v.readOnly || !v.hasWarehouseFile() {
		return nil // DuckDB opens its file for writing
	}
	v.progress("warehouse", v.done, v.total)
	tables, err := v.readWarehouse(ctx)
	check := newCheck("warehouse", "")
	if !errors.As(err, new(*duckwarehouse.DamagedError)) {
		check.Remedy = "" // the error says what to do
	}
	v.add(check, reconcile.Plural(int64(tables), "table")+": every value can be read", err)
	return nil
}

// hasWarehouseFile reports whether the warehouse is a file, and is there. A link to a file that is not counts, too.
func (a *App) hasWarehouseFile() bool {
	if !a.hasLocalWarehouse() || !a.hasWarehouse() {
		return false
	}
	_, err := os.Lstat(a.warehouseFile())
	return err == nil
}

// readWarehouse reads all tables of the file, and returns how many there are.
func (a *App) readWarehouse(ctx context.Context) (tables int, err error) {
	db, err := a.Warehouse(ctx)
	if err != nil {
		return 0, err
	}
	file, ok := db.(*duckwarehouse.Database)
	if !ok {
		return 0, errors.New("bug: only a DuckDB warehouse is a file")
	}
	if tables, err = file.Verify(ctx); err != nil {
		return tables, fmt.Errorf("read the warehouse: %w", err)
	}
	return tables, nil
}

// repairWarehouse puts a damaged file aside. The next publication and the next loads fill a new one.
func (r *repairer) repairWarehouse(ctx context.Context) error {
	if !r.hasWarehouseFile() {
		return nil
	}
	_, err := r.readWarehouse(ctx)
	if !errors.As(err, new(*duckwarehouse.DamagedError)) {
		return err
	}
	if err := r.closeWarehouse(); err != nil {
		return err
	}
	aside, err := duckwarehouse.PutAside(r.warehouseFile())
	if err != nil {
		return err
	}
	r.report("put the damaged warehouse aside as %s; `bursar publish` fills a new one, and so does `bursar load` from the objects that still exist", aside)
	return nil
}
