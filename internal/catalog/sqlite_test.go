// Tests of the SQLite catalog: the conformance suite, and what only this backend has.

package catalog_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	catalogtest.Run(t, func(t *testing.T, dir string) catalog.Catalog {
		// A folder name with all characters that have a meaning in a URI.
		return mustOpen(t, filepath.Join(dir, "a b?c=d%20#é", "catalog.db"))
	})
}

func TestSQLiteRefusesNewerLayout(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := mustOpen(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.OpenSQLite(path); err == nil || !strings.Contains(err.Error(), "newer bursar") || !strings.Contains(err.Error(), path) {
		t.Errorf("open: %v, want a refusal that names the file and the reason", err)
	}
}

func TestSQLiteRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.OpenSQLite(path); err == nil {
		t.Error("open: no error")
	}
}

// Several handles on one file behave like several processes: they wait for each other and lose nothing.
func TestSQLiteSharedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalog.db")
	const handles, each = 4, 10
	var done sync.WaitGroup
	for range handles {
		done.Go(func() {
			c, err := catalog.OpenSQLite(path)
			if err != nil {
				t.Error(err)
				return
			}
			for range each {
				if err := c.Update(context.Background(), increment); err != nil {
					t.Error(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	c := mustOpen(t, path)
	defer c.Close()
	err := c.View(context.Background(), func(tx catalog.Tx) error {
		var n int
		_, err := tx.Get("n", &n)
		if n != handles*each {
			t.Errorf("counted %d, want %d", n, handles*each)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSQLiteFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := mustOpen(t, filepath.Join(dir, "catalog.db"))
	defer c.Close()
	catalogtest.Put(t, c, "a", 1)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want only its owner to read it", file.Name(), info.Mode(), err)
		}
	}
}

func BenchmarkSQLiteOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "catalog.db")
	for b.Loop() {
		c, err := catalog.OpenSQLite(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSQLiteUpdate(b *testing.B) {
	c, err := catalog.OpenSQLite(filepath.Join(b.TempDir(), "catalog.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if err := c.Update(context.Background(), increment); err != nil {
			b.Fatal(err)
		}
	}
}

func increment(tx catalog.Tx) error {
	var n int
	if _, err := tx.Get("n", &n); err != nil {
		return err
	}
	return tx.Put("n", n+1)
}

func mustOpen(t *testing.T, path string) *catalog.SQLite {
	t.Helper()
	c, err := catalog.OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
