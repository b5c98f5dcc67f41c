// Tests of indexes.

package pgwarehouse_test

import (
	"context"
	"testing"

	"bursar/internal/column"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/pgwarehouse"
)

// TestIndexOnce replaces a table that is kept, and asks for its indexes each time: it has one of each kind.
func TestIndexOnce(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: location, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	number := column.Type{Kind: column.BigInt}
	columns := []column.Field{{Name: "a", Type: number}, {Name: "b", Type: number}}
	for range 3 {
		err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
			if err := tx.Create(ctx, "next", columns); err != nil {
				return err
			}
			if err := tx.Replace(ctx, "kept", "next"); err != nil {
				return err
			}
			for _, sorted := range []bool{false, true} {
				if err := tx.Index(ctx, "kept", []string{"b", "a"}, sorted); err != nil {
					return err
				}
			}
			return tx.Index(ctx, "kept", []string{"a"}, false)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := postgrestest.Number(t, location, "SELECT count(*) FROM pg_indexes WHERE schemaname = 'warehouse' AND tablename = 'kept'"); n != 3 {
		t.Errorf("the table has %d indexes, want 3", n)
	}
}
