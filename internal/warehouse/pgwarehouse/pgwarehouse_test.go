// The conformance suite of warehouses.

package pgwarehouse_test

import (
	"sync"
	"testing"

	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgwarehouse"
	"bursar/internal/warehouse/warehousetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	var databases sync.Map // by place
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Database {
		known, _ := databases.LoadOrStore(place, postgrestest.URL(t))
		url, _ := known.(string)
		db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: url, Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}
