// The conformance suite of warehouses.

package duckwarehouse_test

import (
	"path/filepath"
	"testing"

	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/warehousetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Database {
		db, err := duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(place, "warehouse.duckdb"), Scratch: place, Memory: "300MB", Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}
