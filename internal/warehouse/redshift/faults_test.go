// Tests of network faults.

package redshift_test

import (
	"testing"

	"bursar/internal/object"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
	"bursar/internal/warehouse/warehousetest"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	warehousetest.RunServerFaults(t, func(t *testing.T) (string, func(string) (warehouse.Database, error)) {
		objects := object.NewFolder(t.TempDir())
		return redshifttest.Start(t, objects).URL(), func(location string) (warehouse.Database, error) {
			return redshift.Open(t.Context(), redshift.Config{
				URL: location, Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
			})
		}
	})
}
