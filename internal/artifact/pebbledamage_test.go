// An index with a damaged table: the errors say so.

package artifact_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
)

// TestDropOnADamagedTable drops a generation whose table is damaged from end to end.
func TestDropOnADamagedTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	index := mustOpen(t, dir)
	dropped := artifact.Space{Pipeline: "orders", Generation: 1}
	indextest.Load(t, index, dropped, 1, "a", "b", "c")
	if err := index.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%v, %v", tables, err)
	}
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for i := range text {
			text[i] ^= 4
		}
		if err := os.WriteFile(table, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index = mustOpen(t, dir)
	defer index.Close()
	if err := index.Drop(t.Context(), dropped); !errors.Is(err, artifact.ErrIndexDamaged) {
		t.Errorf("drop says %v", err)
	}
}
