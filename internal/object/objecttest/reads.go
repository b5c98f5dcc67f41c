// Tests of reading, listing and deleting objects.

package objecttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"bursar/internal/object"
)

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

// readersOfReplaced checks that a reader returns the old bytes, or the error that asks for a new snapshot.
func readersOfReplaced(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()), context.Background()
	old := bytes.Repeat([]byte("old bytes"), 1000)
	changes := map[string]func(name string){
		"replaced":                         func(name string) { Write(t, store, name, bytes.Repeat([]byte("new bytes"), 1000)) },
		"replaced by other size":           func(name string) { Write(t, store, name, []byte("new")) },
		"deleted":                          func(name string) { must(t, store.Delete(ctx, name)) },
		"deleted and written again":        func(name string) { must(t, store.Delete(ctx, name)); Write(t, store, name, []byte("new")) },
		"replaced while it is half read":   func(name string) { Write(t, store, name, bytes.Repeat([]byte("new bytes"), 1000)) },
		"half read, then other size":       func(name string) { Write(t, store, name, []byte("new")) },
		"deleted while it is half read":    func(name string) { must(t, store.Delete(ctx, name)) },
		"half read, sized, then replaced":  func(name string) { Write(t, store, name, bytes.Repeat([]byte("new bytes"), 1000)) },
		"half read, sized, then other one": func(name string) { Write(t, store, name, []byte("new")) },
		"half read, sized, then deleted":   func(name string) { must(t, store.Delete(ctx, name)) },
	}
	for what, change := range changes {
		name := strings.ReplaceAll(strings.ReplaceAll(what, " ", "-"), ",", "")
		Write(t, store, name, old)
		var r object.Reader
		var err error
		if strings.Contains(what, "sized") {
			r, err = store.OpenSized(ctx, name, int64(len(old)))
		} else {
			r, err = store.Open(ctx, name)
		}
		must(t, err)
		got := make([]byte, len(old))
		half := 0
		if strings.Contains(what, "half read") {
			half, err = r.ReadAt(got[:1001], 0)
			must(t, err)
		}
		change(name)
		if _, err = r.ReadAt(got[half:], int64(half)); err == nil && !bytes.Equal(got, old) {
			t.Errorf("%s: the reader returned other bytes than the old ones", what)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want the old bytes or fs.ErrNotExist", what, err)
		}
		must(t, r.Close())
	}
}

// sized checks readers that know the size from elsewhere.
func sized(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()), context.Background()
	for _, size := range []int{0, 1, 300_000} {
		content := bytes.Repeat([]byte("x"), size)
		Write(t, store, "a/b", content)
		r, err := store.OpenSized(ctx, "a/b", int64(size))
		must(t, err)
		if got, err := readAll(r); err != nil || !bytes.Equal(got, content) || r.Size() != int64(size) {
			t.Errorf("read %d of %d bytes, %v", len(got), size, err)
		}
		if n, err := r.ReadAt(make([]byte, 10), int64(size)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("read after the end: %d, %v, want 0, EOF", n, err)
		}
		must(t, r.Close())
	}
	if _, err := store.OpenSized(ctx, "A", 1); err == nil {
		t.Error("open a name that is not valid: no error")
	}
}

// sizedWrong checks that a missing object and one of another size are found by the first read, whatever it reads.
func sizedWrong(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()), context.Background()
	Write(t, store, "a", bytes.Repeat([]byte("x"), 1000))
	Write(t, store, "empty", nil)
	read := func(name string, size, at int64, length int) error {
		r, err := store.OpenSized(ctx, name, size)
		if err != nil {
			return err
		}
		_, err = r.ReadAt(make([]byte, length), at)
		return errors.Join(err, r.Close())
	}
	for _, c := range []struct {
		name     string
		size, at int64
		length   int
		want     error
	}{
		{"a", 999, 0, 999, object.ErrDamaged},
		{"a", 999, 10, 5, object.ErrDamaged},
		{"a", 1001, 0, 1001, object.ErrDamaged},
		{"a", 1001, 0, 10, object.ErrDamaged},
		{"a", 5000, 2000, 10, object.ErrDamaged},
		{"a", 0, 0, 1, object.ErrDamaged},
		{"empty", 10, 0, 10, object.ErrDamaged},
		{"none", 10, 0, 10, fs.ErrNotExist},
		{"none", 10, 5, 5, fs.ErrNotExist},
		{"none", 0, 0, 1, fs.ErrNotExist},
		{"a", 1000, 10, 10, nil},
	} {
		if err := read(c.name, c.size, c.at, c.length); !errors.Is(err, c.want) {
			t.Errorf("read %d bytes at %d of %s as %d bytes: %v, want %v", c.length, c.at, c.name, c.size, err, c.want)
		}
	}
	gone := object.Description{Name: "none", Digest: "0"}
	if err := gone.Check(ctx, store); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("check a missing object of no bytes: %v", err)
	}
}

// contextEnds checks that a reader outlives the context it was opened with, because open readers are kept by several callers.
func contextEnds(t *testing.T, open Opener) {
	store := open(t, t.TempDir())
	Write(t, store, "a", []byte("content"))
	ctx, cancel := context.WithCancel(context.Background())
	opened, err := store.Open(ctx, "a")
	must(t, err)
	sized, err := store.OpenSized(ctx, "a", 7)
	must(t, err)
	cancel()
	for _, r := range []object.Reader{opened, sized} {
		if got, err := readAll(r); err != nil || string(got) != "content" {
			t.Errorf("read after the context ended: %q, %v", got, err)
		}
		must(t, r.Close())
		if _, err := r.ReadAt(make([]byte, 3), 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("read after close: %v, want fs.ErrClosed", err)
		}
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
		if w, err := store.CreateNew(ctx, name); err == nil {
			t.Errorf("create new %q: no error", name)
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
	_, createdNew := store.CreateNew(ctx, "b")
	_, opened := store.Open(ctx, "a")
	_, openedSized := store.OpenSized(ctx, "a", 1)
	_, listed := store.List(ctx, "")
	for call, err := range map[string]error{
		"create": created, "create new": createdNew, "open": opened, "open sized": openedSized, "list": listed, "delete": store.Delete(ctx, "a"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after cancel: %v", call, err)
		}
	}
	wantContent(t, store, "a", []byte("x"))
}
