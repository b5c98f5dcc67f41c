// Tests of a catalog that is opened only to read.

package catalog_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/catalog"
)

// TestReadOnly reads a closed catalog and one that is being written, and creates no files next to it.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalog.db")
	if _, err := catalog.OpenReadOnly(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent one: %v", err)
	}
	writer, err := catalog.OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(value int) {
		t.Helper()
		if err := writer.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put("k", value) }); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want int) {
		t.Helper()
		r, err := catalog.OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var got int
		err = r.View(t.Context(), func(tx catalog.Tx) error {
			_, err := tx.Get("k", &got)
			return err
		})
		if err != nil || got != want {
			t.Errorf("k is %d, want %d: %v", got, want, err)
		}
		if err := r.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put("k", 0) }); !errors.Is(err, catalog.ErrReadOnly) {
			t.Errorf("a write: %v", err)
		}
	}
	put(1)
	expect(1)
	put(2)
	expect(2)
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	expect(2)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files next to it: %v, %v", entries, err)
	}
}
