// Tests of objects that must not exist before.

package objecttest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"bursar/internal/object"
)

func createNew(store object.Store, name string, content []byte) error {
	w, err := store.CreateNew(context.Background(), name)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return errors.Join(err, w.Abort())
	}
	return errors.Join(w.Commit(), w.Abort())
}

func newOnce(t *testing.T, open Opener) {
	dir := t.TempDir()
	store, ctx := open(t, dir), context.Background()
	for _, size := range []int{0, 5, 17 << 20} { // the last is more than one request for a distant store
		first, second := bytes.Repeat([]byte("1"), size), bytes.Repeat([]byte("2"), size)
		must(t, createNew(store, "a/b", first))
		for _, store := range []object.Store{store, open(t, dir)} {
			if err := createNew(store, "a/b", second); !errors.Is(err, fs.ErrExist) {
				t.Errorf("create an object of %d bytes again: %v, want fs.ErrExist", size, err)
			}
			wantContent(t, store, "a/b", first)
		}
		Write(t, store, "a/b", second) // others may replace it
		wantContent(t, store, "a/b", second)
		must(t, store.Delete(ctx, "a/b"))
	}
	late, err := store.CreateNew(ctx, "a/c")
	must(t, err)
	Write(t, store, "a/c", []byte("made meanwhile"))
	if err := late.Commit(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("commit a new object that exists by then: %v, want fs.ErrExist", err)
	}
	wantContent(t, store, "a/c", []byte("made meanwhile"))
	wantList(t, store, "", "a/c")
}

// oneNewNameAtOnce lets writers of several stores race for each of a few names.
func oneNewNameAtOnce(t *testing.T, open Opener) {
	dir := t.TempDir()
	stores := []object.Store{open(t, dir), open(t, dir), open(t, dir)}
	for _, name := range []string{"a", "b/c", "b/d", "e/f/g"} {
		won := make([]bool, 12)
		var done sync.WaitGroup
		for i := range won {
			done.Go(func() {
				err := createNew(stores[i%len(stores)], name, bytes.Repeat([]byte{byte(i)}, 10_000))
				if won[i] = err == nil; err != nil && !errors.Is(err, fs.ErrExist) {
					t.Errorf("create %s: %v, want fs.ErrExist", name, err)
				}
			})
		}
		done.Wait()
		winner := slices.Index(won, true)
		if winner < 0 || slices.Contains(won[winner+1:], true) {
			t.Fatalf("create %s: winners %v, want one", name, won)
		}
		wantContent(t, stores[0], name, bytes.Repeat([]byte{byte(winner)}, 10_000))
	}
}

func newAborted(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	w, err := store.CreateNew(context.Background(), "a")
	must(t, err)
	if _, err := w.Write([]byte("never")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		must(t, w.Abort())
	}
	wantAbsent(t, store, "a")
	must(t, createNew(store, "a", []byte("made")))
	wantContent(t, store, "a", []byte("made"))
}
