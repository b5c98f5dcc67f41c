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

func TestObjectsKeepFiles(t *testing.T) {
	t.Parallel()
	folder := object.NewFolder(t.TempDir())
	files := fault.Objects(folder, fault.NewPlan()).Files()
	if got := files.Path(object.Description{Name: "a/b"}); got != folder.Path("a/b") {
		t.Errorf("the file of a/b is %s, want %s", got, folder.Path("a/b"))
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
