// The conformance suite of warehouses.

package redshift_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bursar/internal/column"
	"bursar/internal/object"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
	"bursar/internal/warehouse/warehousetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	var servers sync.Map // by place
	warehousetest.Run(t, func(t *testing.T, place string) warehouse.Database {
		objects := object.NewFolder(filepath.Join(place, "objects"))
		known, _ := servers.Load(place)
		server, found := known.(*redshifttest.Server)
		if !found {
			server = redshifttest.Start(t, objects)
			servers.Store(place, server)
		}
		db, err := redshift.Open(t.Context(), redshift.Config{
			URL: server.URL(), Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
		})
		if err != nil {
			t.Fatal(err)
		}
		db.LimitNames(63)
		return db
	})
}

// TestSystemTables refuses the tables in which Redshift keeps statements of others.
func TestSystemTables(t *testing.T) {
	t.Parallel()
	objects := object.NewFolder(t.TempDir())
	db, err := redshift.Open(t.Context(), redshift.Config{
		URL: redshifttest.Start(t, objects).URL(), Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, sql := range []string{
		"SELECT querytxt FROM stl_query", "SELECT * FROM pg_catalog.STV_INFLIGHT", `SELECT * FROM "sys_query_history"`, "SELECT * FROM svl_statementtext",
		`SELECT * FROM "STL_QUERY"`, `SELECT * FROM "PG_SHADOW"`, `SELECT "NEXTVAL"('s')`, // names in quotes are in lower case there, too
	} {
		err := db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
			return r.Ask(ctx, sql, func([]warehouse.Column, []column.Vector) error { return nil })
		})
		var refused *warehouse.StatementError
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, "is refused") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
