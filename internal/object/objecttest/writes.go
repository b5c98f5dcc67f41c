// Tests of what a writer makes visible, and when.

package objecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"bursar/internal/object"
)

func create(t *testing.T, store object.Store, name string, content string) object.Writer {
	t.Helper()
	w, err := store.Create(context.Background(), name)
	must(t, err)
	if n, err := w.Write([]byte(content)); n != len(content) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
	return w
}

func visibleAfterCommit(t *testing.T, open Opener) {
	dir := t.TempDir()
	store := open(t, dir)
	w := create(t, store, "a/b", "first ")
	if _, err := w.Write([]byte("second")); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, store, "a/b")
	wantList(t, store, "")
	wantList(t, open(t, dir), "")
	must(t, w.Commit())
	wantContent(t, store, "a/b", []byte("first second"))
	wantList(t, store, "a/", "a/b")
}

func lastWriteWins(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	for _, content := range []string{"one", "one", "a longer two", "3", ""} {
		Write(t, store, "a/b", []byte(content))
		wantContent(t, store, "a/b", []byte(content))
	}
	w := create(t, store, "a/b", "never committed")
	wantContent(t, store, "a/b", nil)
	must(t, w.Abort())
	wantContent(t, store, "a/b", nil)
	wantList(t, store, "", "a/b")
}

func abortLeavesNothing(t *testing.T, open Opener) {
	dir := t.TempDir()
	store := open(t, dir)
	w := create(t, store, "gone", strings.Repeat("x", 3<<20))
	for range 2 {
		must(t, w.Abort())
	}
	wantAbsent(t, store, "gone")
	wantList(t, open(t, dir), "")
	w = create(t, store, "kept", "x")
	must(t, w.Commit())
	if err := w.Abort(); err != nil {
		t.Fatalf("abort after commit: %v", err)
	}
	wantContent(t, store, "kept", []byte("x"))
}

func writerEndsOnce(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	committed := create(t, store, "a", "x")
	must(t, committed.Commit())
	aborted := create(t, store, "b", "x")
	must(t, aborted.Abort())
	for name, w := range map[string]object.Writer{"committed": committed, "aborted": aborted} {
		if err := w.Commit(); err == nil {
			t.Errorf("commit once %s: no error", name)
		}
		if _, err := w.Write([]byte("y")); err == nil {
			t.Errorf("write once %s: no error", name)
		}
	}
	wantContent(t, store, "a", []byte("x"))
	wantAbsent(t, store, "b")
}

// commitCancelled checks that a writer does not outlive the context that it was created with, in any store: a caller that lets it end
// too early is noticed in all of them.
func commitCancelled(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	for _, size := range []int{1, 17 << 20} {
		for _, create := range []func(context.Context, string) (object.Writer, error){store.Create, store.CreateNew} {
			ctx, cancel := context.WithCancel(context.Background())
			w, err := create(ctx, "a")
			must(t, err)
			if _, err := w.Write(bytes.Repeat([]byte("x"), size)); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := w.Commit(); !errors.Is(err, context.Canceled) {
				t.Errorf("commit %d bytes after the context ended: %v", size, err)
			}
			must(t, w.Abort())
			wantAbsent(t, store, "a")
		}
	}
}

func sizes(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	for _, size := range []int{0, 1, 4095, 256 << 10, 256<<10 + 1, 9<<20 + 7} {
		content := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
		w := create(t, store, "sized", "")
		for piece := content; len(piece) > 0; { // pieces of odd lengths, small and large
			n := min(len(piece), 1+len(piece)/3)
			if _, err := w.Write(piece[:n]); err != nil {
				t.Fatal(err)
			}
			piece = piece[n:]
		}
		must(t, w.Commit())
		wantContent(t, store, "sized", content)
	}
}

func manyAtOnce(t *testing.T, open Opener) {
	dir := t.TempDir()
	store := open(t, dir)
	var done sync.WaitGroup
	var want []string
	for i := range 32 {
		name := fmt.Sprintf("run/%02d/part", i)
		want = append(want, name)
		done.Go(func() {
			content := bytes.Repeat([]byte{byte(i)}, 1000*i)
			if err := write(store, name, content); err != nil {
				t.Error(err)
			} else if got, err := read(store, name); err != nil || !bytes.Equal(got, content) {
				t.Errorf("object %s: %d bytes, %v", name, len(got), err)
			}
		})
	}
	done.Wait()
	wantList(t, open(t, dir), "run/", want...)
}

func oneNameAtOnce(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	Write(t, store, "a", bytes.Repeat([]byte{0}, 100_000))
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			if err := write(store, "a", bytes.Repeat([]byte{byte(i)}, 100_000)); err != nil {
				t.Error(err)
			}
		})
		done.Go(func() {
			got, err := read(store, "a")
			if errors.Is(err, fs.ErrNotExist) {
				return // it was replaced while it was read
			}
			if err != nil || len(got) != 100_000 || bytes.Count(got, got[:1]) != len(got) {
				t.Errorf("read while others write: %d bytes of several writers, %v", len(got), err)
			}
		})
	}
	done.Wait()
}
