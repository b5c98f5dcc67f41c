// The database file: it is in WAL mode, complete after an interrupted setup, and without another file's log.

package temporal

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

func query(t *testing.T, file, statement string) (answer string) {
	t.Helper()
	err := withDatabase(file, "ro", func(db *sql.DB) error {
		return db.QueryRowContext(t.Context(), statement).Scan(&answer)
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestPrepareDatabase(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before map[string]string // suffix of the file name → contents
	}{
		{"nothing there", nil},
		{"empty file of an interrupted setup", map[string]string{"": ""}},
		{"side files of a deleted database", map[string]string{"-wal": "stale", "-shm": "stale", "-journal": "stale"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "odd ?name #1 100%20")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			file := databaseFile(dir)
			for suffix, contents := range tt.before {
				if err := os.WriteFile(file+suffix, []byte(contents), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the second time everything exists
				if _, err := prepareDatabase(t.Context(), dir); err != nil {
					t.Fatal(err)
				}
			}
			if got := query(t, file, "PRAGMA journal_mode"); got != "wal" {
				t.Errorf("journal mode %q, want wal", got)
			}
			if got := query(t, file, "SELECT group_concat(name) FROM namespaces"); got != Namespace {
				t.Errorf("namespaces %q, want %q", got, Namespace)
			}
		})
	}
}

func TestRequireWALRefusesOtherModes(t *testing.T) {
	t.Parallel()
	file := databaseFile(t.TempDir())
	err := withDatabase(file, "rwc", func(db *sql.DB) error {
		if err := createSchema(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		return requireWAL(t.Context(), db)
	})
	if err == nil {
		t.Error("a database in another journal mode was accepted")
	}
}
