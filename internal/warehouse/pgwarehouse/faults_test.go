// Tests of network faults.

package pgwarehouse_test

import (
	"testing"

	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgwarehouse"
	"bursar/internal/warehouse/warehousetest"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	warehousetest.RunServerFaults(t, func(t *testing.T) (string, func(string) (warehouse.Database, error)) {
		return postgrestest.URL(t), func(location string) (warehouse.Database, error) {
			return pgwarehouse.Open(t.Context(), postgres.Config{URL: location, Connections: 2})
		}
	})
}
