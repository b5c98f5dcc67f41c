// Tests of copying a catalog.

package catalog_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/failure"
	"bursar/internal/fault"
)

func TestCopy(t *testing.T) {
	t.Parallel()
	from := mustOpen(t, filepath.Join(t.TempDir(), "catalog.db"))
	defer from.Close()
	if n, err := catalog.Copy(context.Background(), from, newCatalog(t)); n != 0 || err != nil {
		t.Errorf("an empty catalog: %d, %v", n, err)
	}
	pairs := []any{"text", "<é&\u2028>", "null", nil}
	for i := range 700 {
		pairs = append(pairs, "n/"+strings.Repeat("k", i%7)+string(rune('a'+i)), i)
	}
	catalogtest.Put(t, from, pairs...)
	to := newCatalog(t)
	if n, err := catalog.Copy(context.Background(), from, to); n != len(pairs)/2 || err != nil {
		t.Fatalf("copied %d, %v, want %d", n, err, len(pairs)/2)
	}
	if !slices.Equal(catalogtest.Keys(t, from, ""), catalogtest.Keys(t, to, "")) {
		t.Error("the keys differ")
	}
	if _, err := catalog.Copy(context.Background(), from, to); !errors.Is(err, catalog.ErrNotEmpty) || failure.Of(err) != failure.Data {
		t.Errorf("to a catalog with documents: %v", err)
	}
}

// A copy that fails leaves the target empty, and one whose source changes is refused.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	from := newCatalog(t)
	catalogtest.Put(t, from, "a", 1, "b", 2)
	own := errors.New("own")
	for call := 1; call <= 2; call++ {
		plan, to := fault.NewPlan(), newCatalog(t)
		plan.FailWith(call, fault.Before, own)
		if _, err := catalog.Copy(context.Background(), fault.Catalog(from, plan), to); !errors.Is(err, own) {
			t.Errorf("call %d fails: %v", call, err)
		}
		if keys := catalogtest.Keys(t, to, ""); call == 1 && len(keys) != 0 {
			t.Errorf("a failed copy left %q", keys)
		}
	}
	if _, err := catalog.Copy(context.Background(), changing{from}, newCatalog(t)); failure.Of(err) != failure.Data || err == nil {
		t.Errorf("the source changes: %v", err)
	}
	if _, err := catalog.Copy(context.Background(), catalogtest.Twice(from), newCatalog(t)); failure.Of(err) != failure.Data || err == nil {
		t.Errorf("the source is read twice: %v", err)
	}
}

// changing is a catalog in which a document is written before each View.
type changing struct{ catalog.Catalog }

func (c changing) View(ctx context.Context, fn func(catalog.Tx) error) error {
	err := c.Update(ctx, func(tx catalog.Tx) error {
		var n int
		_, err := tx.Get("a", &n)
		return errors.Join(err, tx.Put("a", n+1))
	})
	return errors.Join(err, c.Catalog.View(ctx, fn))
}

func newCatalog(t *testing.T) *catalog.SQLite {
	t.Helper()
	c := mustOpen(t, filepath.Join(t.TempDir(), "catalog.db"))
	t.Cleanup(func() { _ = c.Close() })
	return c
}
