// Tests of catalogs and objects that belong together, or do not.

package marker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
)

func openCatalog(t *testing.T) catalog.Catalog {
	t.Helper()
	records, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	return records
}

func wantRefused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || failure.Of(err) != failure.Data {
		t.Errorf("got %v [%v], want %q", err, failure.Of(err), want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	bucket, ours, other, ctx := object.NewFolder(t.TempDir()), openCatalog(t), openCatalog(t), t.Context()
	check := func(objects object.Store, records catalog.Catalog, hasData, adopt bool) error {
		compared := Compare(ctx, objects, records, hasData)
		err := Check(ctx, objects, records, hasData, adopt)
		if !adopt && fmt.Sprint(compared) != fmt.Sprint(err) {
			t.Errorf("without writing, the error is %v instead of %v", compared, err)
		}
		return err
	}
	if err := Compare(ctx, bucket, ours, false); err != nil {
		t.Error(err)
	}
	if names, err := bucket.List(ctx, ""); err != nil || len(names) > 0 {
		t.Errorf("a comparison writes %v, %v", names, err)
	}
	for _, hasData := range []bool{false, false, true} { // the first ties them
		if err := check(bucket, ours, hasData, false); err != nil {
			t.Fatal(err)
		}
	}
	wantRefused(t, check(bucket, other, false, false), "belong to a project with another catalog")
	wantRefused(t, Compare(ctx, bucket, nil, false), "belong to a project with another catalog")
	empty := object.NewFolder(t.TempDir())
	wantRefused(t, check(empty, ours, true, false), "there are no objects of this project")
	if names, err := empty.List(ctx, ""); err != nil || len(names) > 0 {
		t.Errorf("a refused bucket contains %v, %v", names, err)
	}
	elsewhere := object.NewFolder(t.TempDir())
	if err := check(elsewhere, other, false, false); err != nil {
		t.Fatal(err)
	}
	for _, hasData := range []bool{true, false} {
		wantRefused(t, check(elsewhere, ours, hasData, false), "belong to another project than the catalog")
	}
	// The catalog was lost, or the bucket restored without the object.
	if err := errors.Join(check(bucket, openCatalog(t), false, true), check(empty, ours, true, true), check(empty, ours, true, false)); err != nil {
		t.Errorf("adopted: %v", err)
	}
}

// TestOlder opens a project with batches of a time without ids.
func TestOlder(t *testing.T) {
	t.Parallel()
	bucket, records := object.NewFolder(t.TempDir()), openCatalog(t)
	for range 2 {
		if err := Check(t.Context(), bucket, records, true, false); err != nil {
			t.Error(err)
		}
	}
}

// failing is a store whose first new object is not made.
type failing struct {
	object.Store
	failed bool
}

var errBroken = errors.New("the connection broke")

func (f *failing) CreateNew(ctx context.Context, name string) (object.Writer, error) {
	if !f.failed {
		f.failed = true
		return nil, errBroken
	}
	return f.Store.CreateNew(ctx, name)
}

// TestInterrupted repeats a check that ended between the catalog and the object.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	bucket, records := &failing{Store: object.NewFolder(t.TempDir())}, openCatalog(t)
	if err := Check(t.Context(), bucket, records, false, false); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	for range 2 {
		if err := Check(t.Context(), bucket, records, false, false); err != nil {
			t.Error(err)
		}
	}
}

// TestID gives a catalog its id once, and uses the one by which it is tied to a bucket.
func TestID(t *testing.T) {
	t.Parallel()
	tied, alone := openCatalog(t), openCatalog(t)
	if err := Check(t.Context(), object.NewFolder(t.TempDir()), tied, false, false); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, records := range []catalog.Catalog{tied, alone, tied, alone} {
		id, err := ID(t.Context(), records)
		if err != nil || id == "" {
			t.Fatalf("%q, %v", id, err)
		}
		seen[id] = true
	}
	if len(seen) != 2 {
		t.Errorf("two projects have the ids %v", seen)
	}
	bucket := object.NewFolder(t.TempDir())
	if err := errors.Join(Check(t.Context(), bucket, alone, false, false), Check(t.Context(), bucket, alone, true, false)); err != nil {
		t.Errorf("a project with an id gets a bucket: %v", err)
	}
}
