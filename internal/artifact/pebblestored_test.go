// Tests of what the Pebble index reports about stored generations.

package artifact_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
)

// TestStored: a copy of the files on disk has the entries of the index, and a change of any file of an open index is detected.
func TestStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	space := artifact.Space{Pipeline: "orders", Generation: 1}
	index := mustOpen(t, dir)
	for run := uint64(1); run <= 3; run++ {
		indextest.Load(t, index, space, run, "a", fmt.Sprintf("b%02d", run))
	}
	wantStored(t, index, space)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "LOCK" {
			return err
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, at := range []int{0, len(whole) / 3, len(whole) / 2, len(whole) - 1} {
			if len(whole) > 0 {
				text := slices.Clone(whole)
				text[at] ^= 4
				wantDamage(t, index, fmt.Sprintf("byte %d of %s is changed", at, entry.Name()), os.WriteFile(path, text, 0o600))
			}
		}
		if len(whole) > 0 {
			wantDamage(t, index, entry.Name()+" is truncated", os.Truncate(path, int64(len(whole)/2)))
		}
		wantDamage(t, index, entry.Name()+" is removed", os.Remove(path))
		return os.WriteFile(path, whole, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantStored(t, index, space)
	if err := index.Close(); err != nil {
		t.Fatal(err)
	}
}

func wantStored(t *testing.T, index *artifact.PebbleIndex, space artifact.Space) {
	t.Helper()
	stored, err := index.Stored(t.Context(), filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := indextest.Scan(stored, space, 100); err != nil || !slices.Equal(got, []string{"a@3", "b01@1", "b02@2", "b03@3"}) {
		t.Errorf("the copy holds %q, %v", got, err)
	}
	load := stored.Load(t.Context(), space, 9, func() (artifact.Entry, bool, error) { return artifact.Entry{}, false, nil })
	if !errors.Is(load, artifact.ErrReadOnly) {
		t.Errorf("a load of the copy ends with %v", load)
	}
	if err := stored.Close(); err != nil {
		t.Error(err)
	}
}

func wantDamage(t *testing.T, index *artifact.PebbleIndex, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := index.Stored(t.Context(), filepath.Join(t.TempDir(), "copy"))
	if !errors.Is(err, artifact.ErrIndexDamaged) {
		t.Errorf("%s: %v, want damage", what, err)
	}
	if err == nil {
		_ = stored.Close()
	}
}
