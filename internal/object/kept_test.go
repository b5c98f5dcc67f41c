// Tests of the local copies of objects that are written.

package object_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"bursar/internal/object"
)

// writableStore is a remote store that objects can be created in.
type writableStore struct {
	*remoteStore
	commitErr error
}

func (s *writableStore) Create(_ context.Context, name string) (object.Writer, error) {
	return &remoteWriter{store: s, name: name}, nil
}

type remoteWriter struct {
	bytes.Buffer
	store *writableStore
	name  string
}

func (w *remoteWriter) Commit() error {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.store.commitErr == nil {
		w.store.content[w.name] = w.Bytes()
	}
	return w.store.commitErr
}

func (w *remoteWriter) Abort() error { return nil }

// TestKept: an object that this process has written is read without a download, until its copy is evicted.
func TestKept(t *testing.T) {
	t.Parallel()
	store, dir := &writableStore{remoteStore: newRemote()}, t.TempDir()
	cache := newCache(t, store, object.CacheConfig{Folder: dir, Limit: 3 << 20})
	files := object.NewCached(cache, t.TempDir())
	var list []object.Description
	for _, name := range []string{"a", "b"} {
		out, err := object.CreateKept(t.Context(), files, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write(bytes.Repeat([]byte(name), 2<<20)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(out.Commit(), out.Abort()); err != nil {
			t.Fatal(err)
		}
		list = append(list, out.Description)
		p := pin(t, cache, out.Description)
		wantPinned(t, p, out.Description)
		p.Release()
	}
	if n := store.opens(); n != 0 || isCached(dir, list[0]) || !isCached(dir, list[1]) || len(cached(t, dir)) != 1 {
		t.Errorf("%d downloads, copies %q", n, cached(t, dir))
	}
	p := pin(t, cache, list[0])
	wantPinned(t, p, list[0])
	if n := store.opens(); n != 1 {
		t.Errorf("%d downloads of an evicted copy", n)
	}
}

// TestKeptGivenUp: what cannot be kept is not kept, and the object is written all the same.
func TestKeptGivenUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit   int64
		spoil   func(t *testing.T, dir string)
		failure error
	}{
		"too large":      {limit: 1 << 20},
		"folder deleted": {limit: 1 << 30, spoil: func(t *testing.T, dir string) { t.Helper(); mustRemove(t, dir) }},
		"failed commit":  {limit: 1 << 30, failure: errors.New("refused")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, dir := &writableStore{remoteStore: newRemote(), commitErr: c.failure}, t.TempDir()
			cache := newCache(t, store, object.CacheConfig{Folder: dir, Limit: c.limit})
			out, err := object.CreateKept(t.Context(), object.NewCached(cache, t.TempDir()), "a")
			if err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, dir)
			}
			if _, err := out.Write(bytes.Repeat([]byte("a"), 2<<20)); err != nil {
				t.Fatal(err)
			}
			if err := out.Commit(); !errors.Is(err, c.failure) {
				t.Errorf("commit: %v", err)
			}
			if left, err := os.ReadDir(dir); err == nil && isCached(dir, out.Description) || len(left) > 1 {
				t.Errorf("%d files are left", len(left))
			}
			if c.failure == nil {
				wantPinned(t, pin(t, cache, out.Description), out.Description)
			}
		})
	}
}

func mustRemove(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}
