// Tests of catalogs whose file is damaged.

package catalog_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/failure"
)

// tamper changes the table without the catalog.
func tamper(t *testing.T, path, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

func wantDamaged(t *testing.T, what string, err error) {
	t.Helper()
	var damaged *catalog.DamagedError
	if !errors.As(err, &damaged) || failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "bursar repair") {
		t.Errorf("%s: %v, want damage of class data that names `bursar repair`", what, err)
	}
}

func get(c catalog.Catalog, key string) (found bool, err error) {
	err = c.View(context.Background(), func(tx catalog.Tx) error {
		var text string
		found, err = tx.Get(key, &text)
		return err
	})
	return found, err
}

func list(c catalog.Catalog, prefix string) (keys []string, err error) {
	err = c.View(context.Background(), func(tx catalog.Tx) error {
		keys = nil
		return tx.List(prefix, func(key string, _ json.RawMessage) error {
			keys = append(keys, key)
			return nil
		})
	})
	return keys, err
}

// A changed bit in a value or a key causes an error that names the document, whichever way the document is read.
func TestChangedDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := mustOpen(t, path)
	defer c.Close()
	for i := range 5 {
		catalogtest.Put(t, c, fmt.Sprintf("batch/pay/%d", i), "text")
	}
	catalogtest.Put(t, c, "file/pay/1", "text")
	if n, err := c.Verify(t.Context()); err != nil || n != 6 {
		t.Fatalf("an undamaged catalog: %d documents, %v", n, err)
	}
	tamper(t, path, `UPDATE documents SET value = '"tezt"' WHERE key = 'file/pay/1'`)
	_, err := get(c, "file/pay/1")
	wantDamaged(t, "get a changed value", err)
	if err == nil || !strings.Contains(err.Error(), "file/pay/1") {
		t.Errorf("the document is not named: %v", err)
	}
	_, err = list(c, "file/")
	wantDamaged(t, "list a changed value", err)
	_, err = c.Verify(t.Context())
	wantDamaged(t, "verify a changed value", err)
	if found, err := get(c, "batch/pay/3"); !found || err != nil {
		t.Errorf("an undamaged document: %v, %v", found, err)
	}
}

// A changed bit of a key makes another key. Reading the old key detects it, and so do listings from which the document has
// disappeared.
func TestChangedKeys(t *testing.T) {
	t.Parallel()
	for _, changed := range []string{"batch/pay/b", "batch/pay/r", "batch/qay/3", "catch/pay/3", "batch/ pay/3", "Batch/pay/2~"} {
		t.Run(changed, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "catalog.db")
			c := mustOpen(t, path)
			defer c.Close()
			catalogtest.Put(t, c, "batch/pay/3", "text")
			tamper(t, path, `UPDATE documents SET key = ?`, changed)
			_, err := get(c, "batch/pay/3")
			wantDamaged(t, "get", err)
			_, err = list(c, "batch/pay/")
			wantDamaged(t, "list", err)
			_, err = c.Verify(t.Context())
			wantDamaged(t, "verify", err)
		})
	}
}

// A file of the previous layout opens, and its documents get checksums.
func TestEarlierLayout(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "catalog.db")
	tamper(t, path, `CREATE TABLE documents (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`)
	for i := range 1000 {
		tamper(t, path, `INSERT INTO documents VALUES (?, '"text"')`, fmt.Sprintf("a/%04d", i))
		if i == 20 && testing.Short() {
			break
		}
	}
	tamper(t, path, `PRAGMA user_version = 1`)
	c := mustOpen(t, path)
	if found, err := get(c, "a/0007"); !found || err != nil {
		t.Errorf("a document of before: %v, %v", found, err)
	}
	catalogtest.Put(t, c, "a/0007", "more")
	if _, err := c.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	tamper(t, path, `UPDATE documents SET value = '"tezt"' WHERE key = 'a/0008'`)
	_, err := get(c, "a/0008")
	wantDamaged(t, "a changed document of before", err)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, path).Close())
}

// Whatever the damage, the undamaged documents are copied, and the new catalog is undamaged.
func TestSalvage(t *testing.T) {
	t.Parallel()
	const n = 400
	for name, damage := range map[string]func(t *testing.T, path string){
		"deleted": func(t *testing.T, path string) { check(t, os.Remove(path)) },
		"emptied": func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) },
		"halved":  func(t *testing.T, path string) { check(t, os.Truncate(path, size(t, path)/2)) },
		"header":  func(t *testing.T, path string) { flip(t, path, 3) },
		"middle":  func(t *testing.T, path string) { flip(t, path, size(t, path)/2+11) },
		"value": func(t *testing.T, path string) {
			tamper(t, path, `UPDATE documents SET value = '"tezt"' WHERE key = 'a/0008'`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "catalog.db")
			c := mustOpen(t, path)
			for i := range n {
				catalogtest.Put(t, c, fmt.Sprintf("a/%04d", i), strings.Repeat("text", 20))
			}
			check(t, c.Close())
			damage(t, path)
			done, err := catalog.Salvage(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			c = mustOpen(t, path)
			defer c.Close()
			kept, err := c.Verify(t.Context())
			if err != nil || kept != done.Kept {
				t.Errorf("the new catalog has %d documents, %v, want %d", kept, err, done.Kept)
			}
			if want := n - 1; name == "value" && kept != want {
				t.Errorf("%d documents are kept, want %d", kept, want)
			}
			catalogtest.Put(t, c, "more", 1)
		})
	}
}

// killed creates a catalog like that of a killed process: n documents in the file, and one more only in the log.
func killed(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	path, live := filepath.Join(dir, "catalog.db"), filepath.Join(dir, "live.db")
	c := mustOpen(t, live)
	for i := range n {
		catalogtest.Put(t, c, fmt.Sprintf("a/%04d", i), strings.Repeat("text", 20))
	}
	check(t, c.Close())
	c = mustOpen(t, live)
	defer c.Close()
	catalogtest.Put(t, c, "token", "only in the log")
	for _, side := range []string{"", "-wal"} {
		text, err := os.ReadFile(live + side)
		check(t, err)
		check(t, os.WriteFile(path+side, text, 0o600))
	}
	return path
}

// Documents in the log of a killed process are copied whatever the damage of the file's first page, and the log is kept, too.
func TestSalvageLog(t *testing.T) {
	t.Parallel()
	const n = 20
	damages := map[string]func(t *testing.T, path string){
		"deleted": func(t *testing.T, path string) { check(t, os.Remove(path)) },
		"emptied": func(t *testing.T, path string) { check(t, os.Truncate(path, 0)) },
	}
	for _, at := range []int64{0, 3, 15, 16, 17, 18, 19, 20, 21, 28, 31, 47, 56, 59, 100, 103, 4000, 4095} {
		damages[fmt.Sprint("byte ", at)] = func(t *testing.T, path string) { flip(t, path, at) }
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := killed(t, n)
			damage(t, path)
			if c, err := catalog.OpenSQLite(path); err == nil { // like a command that detects the damage
				check(t, c.Close())
			}
			logged := exists(path + "-wal")
			done, err := catalog.Salvage(t.Context(), path)
			check(t, err)
			c := mustOpen(t, path)
			defer c.Close()
			if found, err := get(c, "token"); !found || err != nil {
				t.Errorf("the document of the log: %v, %v", found, err)
			}
			if _, err := c.Verify(t.Context()); err != nil || exists(path) && name[0] == 'b' && done.Kept != n+1 {
				t.Errorf("%d documents are kept, want %d: %v", done.Kept, n+1, err)
			}
			if logged && !exists(done.Damaged+"-wal") {
				t.Error("the log is not kept")
			}
			if left, _ := filepath.Glob(path + ".*"); len(left) > 2 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A salvage that was interrupted after removing the log finds the log next to the kept file.
func TestSalvageInterrupted(t *testing.T) {
	t.Parallel()
	path := killed(t, 5)
	flip(t, path, 3)
	check(t, os.Link(path, path+".damaged"))
	check(t, os.Rename(path+"-wal", path+".damaged-wal"))
	done, err := catalog.Salvage(t.Context(), path)
	if err != nil || done.Kept != 6 || !exists(path+".damaged-wal") {
		t.Errorf("%+v, %v, want 6 documents and the log next to the kept file", done, err)
	}
}

// If a catalog cannot be read for another reason than damage, salvage fails and leaves it as it is.
func TestSalvageUnread(t *testing.T) {
	t.Parallel()
	path := killed(t, 5)
	check(t, os.Remove(path+"-wal"))
	check(t, os.Mkdir(path+"-wal", 0o700))
	before, err := os.ReadFile(path)
	check(t, err)
	if done, err := catalog.Salvage(t.Context(), path); err == nil {
		t.Errorf("salvaged %+v of a catalog whose log cannot be read", done)
	}
	now, err := os.ReadFile(path)
	if check(t, err); !bytes.Equal(now, before) || exists(path+".damaged") {
		t.Error("the catalog was replaced")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := catalog.Salvage(ended, path); !errors.Is(err, context.Canceled) && err == nil {
		t.Errorf("salvaged in a context that has ended: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	return info.Size()
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	text[at] ^= 0x10
	check(t, os.WriteFile(path, text, 0o600))
}

// A connection that is opened after the file was removed or truncated reports damage, and creates no new file.
func TestFileIsRemovedWhileOpen(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{"removed": os.Remove, "emptied": func(path string) error { return os.Truncate(path, 0) }} {
		path := filepath.Join(t.TempDir(), "catalog.db")
		s, err := catalog.OpenSQLite(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if err := s.Update(t.Context(), func(tx catalog.Tx) error { return tx.Put("a", 1) }); err != nil {
			t.Fatal(err)
		}
		for _, end := range []string{"-wal", "-shm"} {
			if err := harm(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			_ = os.Remove(path + end)
		}
		var damaged *catalog.DamagedError
		err = s.View(t.Context(), func(tx catalog.Tx) error {
			_, err := tx.Get("a", new(int))
			return err
		})
		if err == nil || !errors.As(err, &damaged) || !strings.Contains(err.Error(), "run `bursar repair`") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); name == "removed" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the file was created again: %v", name, err)
		}
	}
}
