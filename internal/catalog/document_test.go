// Rows that only damage can produce.

package catalog

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
)

// TestDocumentWithoutKey reports a row without a key as damage.
func TestDocumentWithoutKey(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT NULL, x'7b7d', 1")
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	defer rows.Close()
	if err := new(document).scan(rows); !errors.As(err, new(*DamagedError)) || rows.Err() != nil {
		t.Errorf("scan gives %v", err)
	}
}
