// Tests of the verification of a catalog.

package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
)

// openFilled opens a catalog whose log has some frames.
func openFilled(t *testing.T) (c *catalog.SQLite, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "catalog.db")
	c = mustOpen(t, path)
	t.Cleanup(func() { _ = c.Close() }) // its files may be missing
	for i := range 20 {
		catalogtest.Put(t, c, fmt.Sprintf("batch/pay/%02d", i), strings.Repeat("text", 100))
	}
	if _, err := c.Verify(t.Context()); err != nil {
		t.Fatalf("an undamaged catalog: %v", err)
	}
	return c, path
}

// Damage to the files of an open catalog is found, although the catalog continues to work from its caches.
func TestVerifyOpenFiles(t *testing.T) {
	t.Parallel()
	truncate := func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()/2)
	}
	replace := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}
	for name, damage := range map[string]func(path string) error{
		"the file is removed":   os.Remove,
		"the file is truncated": truncate,
		"the file is replaced":  replace,
		"the log is removed":    func(path string) error { return os.Remove(path + "-wal") },
		"the log is truncated":  func(path string) error { return truncate(path + "-wal") },
		"the log is replaced":   func(path string) error { return replace(path + "-wal") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, path := openFilled(t)
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			_, err := c.Verify(t.Context())
			wantDamaged(t, "verify", err)
		})
	}
}

// A changed bit anywhere in the log is found, even where SQLite does not read.
func TestVerifyLog(t *testing.T) {
	t.Parallel()
	c, path := openFilled(t)
	whole, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) < 10*4096 {
		t.Fatalf("the log has %d bytes", len(whole))
	}
	for at := 0; at < len(whole); at += 211 {
		text := []byte(string(whole))
		text[at] ^= 1
		if err := os.WriteFile(path+"-wal", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(t.Context()); err == nil {
			t.Errorf("byte %d of %d is changed, but verify finds nothing", at, len(whole))
		}
	}
	if err := os.WriteFile(path+"-wal", whole, 0o600); err != nil {
		t.Fatal(err)
	}
	catalogtest.Put(t, c, "batch/pay/20", "text")
	if n, err := c.Verify(t.Context()); err != nil || n != 21 {
		t.Errorf("restored: %d documents, %v", n, err)
	}
}
