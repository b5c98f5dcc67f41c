// The conformance suite of warehouses.

package pgwarehouse_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"bursar/internal/column"
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

// TestIdleTransactions lets a transaction wait for its client as long as a statement may take, unless the URL says otherwise.
func TestIdleTransactions(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	for more, want := range map[string]string{"": "1h", "idle_in_transaction_session_timeout=7000": "7s"} {
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = strings.Trim(u.RawQuery+"&"+more, "&")
		db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: u.String()})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
			sql := "SELECT current_setting('idle_in_transaction_session_timeout') AS timeout"
			return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
				if got := string(rows[0].Text(0)); got != want {
					t.Errorf("the timeout is %s, want %s", got, want)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
		_ = db.Close()
	}
}

// TestReadsAreUndone reads a view with a function that writes even in a transaction that is read-only.
func TestReadsAreUndone(t *testing.T) {
	t.Parallel()
	location := postgrestest.URL(t)
	db, err := pgwarehouse.Open(t.Context(), postgres.Config{URL: location})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	postgrestest.ExecIn(t, location, "CREATE VIEW warehouse.v AS SELECT lo_creat(-1)::bigint AS x")
	err = db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		return r.Ask(ctx, "SELECT x FROM v", func([]warehouse.Column, []column.Vector) error { return nil })
	})
	if n := postgrestest.Number(t, location, "SELECT count(*) FROM pg_largeobject_metadata"); n > 0 {
		t.Errorf("%d objects were created by reading, %v", n, err)
	}
}
