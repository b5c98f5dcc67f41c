// Tests of network faults.

package redshift_test

import (
	"fmt"
	"testing"

	"bursar/internal/object"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
	"bursar/internal/warehouse/warehousetest"
)

// faulty opens a warehouse behind a proxy that injects a fault.
func faulty(t *testing.T, fault postgrestest.Fault) warehousetest.Faulty {
	t.Helper()
	objects := object.NewFolder(t.TempDir())
	location := redshifttest.Start(t, objects).URL()
	proxy, through := postgrestest.NewProxy(t, location)
	open := func(location string) *redshift.Database {
		db, err := redshift.Open(t.Context(), redshift.Config{
			URL: location, Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	return warehousetest.Faulty{
		Database: open(through), Direct: open(location),
		Fail: func(n int) <-chan struct{} { return proxy.Fail(n, fault) }, Cut: proxy.CutAll, Deliver: proxy.Deliver,
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []postgrestest.Fault{postgrestest.CutBefore, postgrestest.CutAfter} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			t.Parallel()
			warehousetest.RunFaults(t, func(t *testing.T) warehousetest.Faulty { return faulty(t, fault) })
		})
	}
}

func TestLateCommit(t *testing.T) {
	t.Parallel()
	warehousetest.RunLateCommit(t, faulty(t, postgrestest.Delay))
}

func TestStalled(t *testing.T) {
	t.Parallel()
	warehousetest.RunStalled(t, faulty(t, postgrestest.Stall))
}
