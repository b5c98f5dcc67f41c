// Package objecttest is the conformance suite of object.Store: what every backend must do, and what the rest of
// the program may rely on. It owns no backend and must not know how one works.
package objecttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"testing"

	"bursar/internal/object"
)

// Opener opens the store in dir, which is empty at first. The suite opens the same dir again to check what is durable.
type Opener func(t *testing.T, dir string) object.Store

// Run runs the suite. Every test gets a separate folder.
func Run(t *testing.T, open Opener) {
	tests := map[string]func(t *testing.T, open Opener){
		"visible only after commit":    visibleAfterCommit,
		"a new object is made once":    newOnce,
		"one new name at once":         oneNewNameAtOnce,
		"a new object aborted":         newAborted,
		"sized":                        sized,
		"sized readers of what is not": sizedWrong,
		"a context that ends":          contextEnds,
		"last complete write wins":     lastWriteWins,
		"abort leaves nothing":         abortLeavesNothing,
		"a writer ends once":           writerEndsOnce,
		"range reads":                  rangeReads,
		"lasts":                        lasts,
		"list":                         list,
		"delete":                       deletes,
		"absent":                       absent,
		"readers of replaced objects":  readersOfReplaced,
		"names":                        names,
		"sizes":                        sizes,
		"many at once":                 manyAtOnce,
		"one name at once":             oneNameAtOnce,
		"cancelled":                    cancelled,
		"a context ends before commit": commitCancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// Write creates and commits one object.
func Write(t *testing.T, store object.Store, name string, content []byte) {
	t.Helper()
	must(t, write(store, name, content))
}

// Read returns the whole of one object.
func Read(t *testing.T, store object.Store, name string) []byte {
	t.Helper()
	content, err := read(store, name)
	must(t, err)
	return content
}

func write(store object.Store, name string, content []byte) error {
	w, err := store.Create(context.Background(), name)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

func read(store object.Store, name string) ([]byte, error) {
	r, err := store.Open(context.Background(), name)
	if err != nil {
		return nil, err
	}
	content, err := readAll(r)
	return content, errors.Join(err, r.Close())
}

func readAll(r object.Reader) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, store object.Store, name string, want []byte) {
	t.Helper()
	if got := Read(t, store, name); !bytes.Equal(got, want) {
		t.Fatalf("object %s has %d bytes, want %d, or other bytes", name, len(got), len(want))
	}
}

func wantAbsent(t *testing.T, store object.Store, name string) {
	t.Helper()
	if _, err := store.Open(context.Background(), name); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("open %s: %v, want fs.ErrNotExist", name, err)
	}
}

func wantList(t *testing.T, store object.Store, prefix string, want ...string) {
	t.Helper()
	got, err := store.List(context.Background(), prefix)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Fatalf("list %q: %q, want %q", prefix, got, want)
	}
}
