// A copy of an object that is deleted while it is in use is no damage: the reader tries again.

package verify_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// deleting is a store whose copies are deleted once they are pinned.
type deleting struct {
	object.Local
	dir string
}

type deletingFiles struct {
	object.Files
	dir string
}

func (d deleting) Files() object.Files { return deletingFiles{d.Local.Files(), d.dir} }

func (f deletingFiles) Pin(ctx context.Context) error {
	if err := f.Files.Pin(ctx); err != nil {
		return err
	}
	return filepath.WalkDir(f.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return os.Remove(path)
	})
}

func TestDeletedCopy(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	dir := filepath.Join(h.Dir, "cache")
	cache, err := object.NewCache(t.Context(), h.Store.Objects, object.CacheConfig{Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	h.Store.Objects = deleting{object.NewCached(cache, t.TempDir()), dir}
	err = eventverify.Recount(t.Context(), h.Store, h.Stream, h.Batches()[0])
	if failure.Of(err) != failure.Transient || errors.Is(err, object.ErrDamaged) {
		t.Errorf("recount: %v [%v]", err, failure.Of(err))
	}
}
