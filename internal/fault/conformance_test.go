// Runs the conformance suites against stores that inject no fault.

package fault_test

import (
	"path/filepath"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/fault"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
)

func TestObjectsWithoutFault(t *testing.T) {
	t.Parallel()
	objecttest.Run(t, func(_ *testing.T, dir string) object.Store {
		return fault.Objects(object.NewFolder(dir), fault.NewPlan())
	})
}

func TestCatalogWithoutFault(t *testing.T) {
	t.Parallel()
	catalogtest.Run(t, func(t *testing.T, dir string) catalog.Catalog {
		return fault.Catalog(openCatalog(t, dir), fault.NewPlan())
	})
}

func TestIndexWithoutFault(t *testing.T) {
	t.Parallel()
	indextest.Run(t, func(t *testing.T, dir string) artifact.Index {
		return fault.Index(openIndex(t, dir), fault.NewPlan())
	})
}

func TestObjectsKeepLocal(t *testing.T) {
	t.Parallel()
	folder := object.NewFolder(t.TempDir())
	local, ok := fault.Objects(folder, fault.NewPlan()).(object.Local)
	if !ok || local.Path("a/b") != folder.Path("a/b") {
		t.Error("the wrapper of a local store is not local")
	}
	far := struct{ object.Store }{folder}
	if _, ok := fault.Objects(far, fault.NewPlan()).(object.Local); ok {
		t.Error("a store that is not local became so")
	}
}

func openCatalog(t *testing.T, dir string) catalog.Catalog {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openIndex(t *testing.T, dir string) artifact.Index {
	t.Helper()
	x, err := artifact.OpenPebble(filepath.Join(dir, "index"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
