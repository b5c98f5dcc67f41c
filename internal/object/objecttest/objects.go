// Tests of what a writer makes visible, and of opening, listing and deleting.

package objecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
			if err != nil || len(got) != 100_000 || bytes.Count(got, got[:1]) != len(got) {
				t.Errorf("read while others write: %d bytes of several writers, %v", len(got), err)
			}
		})
	}
	done.Wait()
}

func rangeReads(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	content := bytes.Repeat([]byte("0123456789"), 50_000)
	Write(t, store, "a", content)
	r, err := store.Open(context.Background(), "a")
	must(t, err)
	defer r.Close()
	if r.Size() != int64(len(content)) {
		t.Fatalf("size %d, want %d", r.Size(), len(content))
	}
	var done sync.WaitGroup
	for i := range 16 {
		done.Go(func() {
			at := int64(i) * 31_249
			block := make([]byte, 1+i*1000)
			if _, err := r.ReadAt(block, at); err != nil || !bytes.Equal(block, content[at:at+int64(len(block))]) {
				t.Errorf("read %d bytes at %d: %v, or other bytes", len(block), at, err)
			}
		})
	}
	done.Wait()
	block := make([]byte, 10)
	if n, err := r.ReadAt(block, int64(len(content))-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("read over the end: %d, %v, want 4, EOF", n, err)
	}
	if n, err := r.ReadAt(block, int64(len(content))+4); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read after the end: %d, %v, want 0, EOF", n, err)
	}
}

func lasts(t *testing.T, open Opener) {
	dir := t.TempDir()
	store := open(t, dir)
	Write(t, store, "deep/er/and/deeper", []byte("kept"))
	Write(t, store, "gone", []byte("gone"))
	must(t, store.Delete(context.Background(), "gone"))
	store = open(t, dir)
	wantContent(t, store, "deep/er/and/deeper", []byte("kept"))
	wantList(t, store, "", "deep/er/and/deeper")
}

func list(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	wantList(t, store, "")
	wantList(t, store, "a/")
	for _, name := range []string{"a/b/c", "a-b", "a.b/c", "a/b-c", "a/b0", "ab", "a0/x", "b", "a/1", "a/10", "a/2"} {
		Write(t, store, name, []byte(name))
	}
	wantList(t, store, "", "a-b", "a.b/c", "a/1", "a/10", "a/2", "a/b-c", "a/b/c", "a/b0", "a0/x", "ab", "b")
	wantList(t, store, "a/", "a/1", "a/10", "a/2", "a/b-c", "a/b/c", "a/b0")
	wantList(t, store, "a/b/", "a/b/c")
	wantList(t, store, "b/")
	wantList(t, store, "none/")
	for _, prefix := range []string{"a", "/", "../", "a//", "./", "A/"} {
		if _, err := store.List(context.Background(), prefix); err == nil {
			t.Errorf("list %q: no error", prefix)
		}
	}
}

func deletes(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()), context.Background()
	for _, name := range []string{"never", "never/there"} {
		if err := store.Delete(ctx, name); err != nil {
			t.Errorf("delete what is absent: %v", err)
		}
	}
	Write(t, store, "a/b", []byte("1"))
	Write(t, store, "a/c", []byte("2"))
	for range 2 {
		must(t, store.Delete(ctx, "a/b"))
	}
	wantAbsent(t, store, "a/b")
	wantList(t, store, "", "a/c")
	Write(t, store, "a/b", []byte("again"))
	wantContent(t, store, "a/b", []byte("again"))
}

func absent(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	wantAbsent(t, store, "a")
	Write(t, store, "a/b", []byte("x"))
	for _, name := range []string{"a", "a/b/c", "a/b0", "a/c", "b"} {
		wantAbsent(t, store, name)
	}
}

func openReadersKeepBytes(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()), context.Background()
	Write(t, store, "a", []byte("old bytes"))
	r, err := store.Open(ctx, "a")
	must(t, err)
	defer r.Close()
	Write(t, store, "a", []byte("new"))
	must(t, store.Delete(ctx, "a"))
	if got, err := readAll(r); err != nil || string(got) != "old bytes" {
		t.Errorf("read %q, %v", got, err)
	}
}

func names(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()), context.Background()
	good := []string{"a", "0", "_", "-", "a.parquet", "a..b", "g1/run-00042/part_7.zst", strings.Repeat("deep/", 40) + "a", strings.Repeat("n", 200)}
	for _, name := range good {
		Write(t, store, "x/"+name, []byte(name))
		wantContent(t, store, "x/"+name, []byte(name))
	}
	bad := []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", ".tmp/a", "a/.b", "A", "a b", "a\\b", "a\x00b", "é", "a:b", "a*"}
	for _, name := range bad {
		if w, err := store.Create(ctx, name); err == nil {
			t.Errorf("create %q: no error", name)
			_ = w.Abort()
		}
		if _, err := store.Open(ctx, name); err == nil {
			t.Errorf("open %q: no error", name)
		}
		if err := store.Delete(ctx, name); err == nil {
			t.Errorf("delete %q: no error", name)
		}
	}
}

func cancelled(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	Write(t, store, "a", []byte("x"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, created := store.Create(ctx, "b")
	_, opened := store.Open(ctx, "a")
	_, listed := store.List(ctx, "")
	for call, err := range map[string]error{"create": created, "open": opened, "list": listed, "delete": store.Delete(ctx, "a")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after cancel: %v", call, err)
		}
	}
	wantContent(t, store, "a", []byte("x"))
}
