// Tests of folders whose catalog is declared elsewhere than it was.

package marker

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"bursar/internal/catalog"
)

// putInto writes a document into the catalog of a state folder.
func putInto(t *testing.T, state, key string) {
	t.Helper()
	records, err := catalog.OpenSQLite(filepath.Join(state, localCatalog))
	if err == nil {
		err = records.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put(key, project{"id"}) })
		err = errors.Join(err, records.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	check := func(what string, shared, local error) {
		t.Helper()
		if err := CheckShared(t.Context(), state); !errors.Is(err, shared) {
			t.Errorf("%s: elsewhere: %v, want %v", what, err, shared)
		}
		if err := CheckLocal(t.Context(), state); !errors.Is(err, local) {
			t.Errorf("%s: here: %v, want %v", what, err, local)
		}
	}
	check("a new folder", nil, nil)
	for range 2 {
		if err := MarkShared(state); err != nil {
			t.Fatal(err)
		}
	}
	check("used with a catalog elsewhere", nil, ErrShared)
	if err := os.WriteFile(filepath.Join(state, localCatalog), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("an empty file", nil, ErrShared)
	putInto(t, state, documentKey)
	check("an empty catalog", nil, ErrShared)
	putInto(t, state, "stream/payments")
	check("a catalog with data", ErrLocal, nil)
}

// TestMarkedTwice marks a new folder by many processes at the same time.
func TestMarkedTwice(t *testing.T) {
	t.Parallel()
	for range 50 {
		state := t.TempDir()
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if err := MarkShared(state); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
}
