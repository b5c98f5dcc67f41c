// The conformance suite of warehouses.

package redshift_test

import (
	"path/filepath"
	"sync"
	"testing"

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
