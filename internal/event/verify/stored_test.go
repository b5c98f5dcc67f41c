// Checks of objects read what is stored, also if there is an intact local copy.

package verify_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/event"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/object"
)

func TestDamageBehindCopies(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	cache, err := object.NewCache(t.Context(), h.Store.Objects, object.CacheConfig{Folder: filepath.Join(h.Dir, "cache")})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	h.Store.Objects = object.NewCached(cache, t.TempDir())
	batches := h.Batches()
	if err := event.CheckObjects(t.Context(), h.Store.Objects, batches, 1); err != nil { // makes copies
		t.Fatal(err)
	}
	path := h.Object(batches[0].Objects[0].Name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := eventverify.Objects(t.Context(), h.Store, batches, func(int64) {}); !errors.Is(err, object.ErrDamaged) {
		t.Errorf("objects: %v", err)
	}
	if err := object.CheckAll(t.Context(), object.Uncached(h.Store.Objects), batches[0].Stored(), 1); !errors.Is(err, object.ErrDamaged) {
		t.Errorf("stored objects of a batch: %v", err)
	}
}
