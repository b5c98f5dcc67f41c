// The tests of network faults, with a proxy in front of a server that speaks PostgreSQL's protocol.

package warehousetest

import (
	"fmt"
	"testing"

	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
)

// ServerStarter starts a server with an empty database, and returns how it is opened at any location.
type ServerStarter func(t *testing.T) (location string, open func(location string) (warehouse.Database, error))

// RunServerFaults runs the tests of network faults with each fault that the proxy injects.
func RunServerFaults(t *testing.T, start ServerStarter) {
	for _, fault := range []postgrestest.Fault{postgrestest.CutBefore, postgrestest.CutAfter} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			t.Parallel()
			runFaults(t, func(t *testing.T) faultyWarehouse { return faulty(t, start, fault) })
		})
	}
	t.Run("late commit", func(t *testing.T) {
		t.Parallel()
		runLateCommit(t, faulty(t, start, postgrestest.Delay))
	})
	t.Run("stalled", func(t *testing.T) {
		t.Parallel()
		runStalled(t, faulty(t, start, postgrestest.Stall))
	})
}

// faulty opens a warehouse behind a proxy that injects a fault.
func faulty(t *testing.T, start ServerStarter, fault postgrestest.Fault) faultyWarehouse {
	t.Helper()
	location, open := start(t)
	proxy, through := postgrestest.NewProxy(t, location)
	opened := func(location string) warehouse.Database {
		db, err := open(location)
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		return db
	}
	return faultyWarehouse{
		Database: opened(through), Direct: opened(location),
		Fail: func(n int) <-chan struct{} { return proxy.Fail(n, fault) }, Cut: proxy.CutAll, Deliver: proxy.Deliver,
	}
}
