//go:build linux

// Tests of a cache on a full disk: a small file system in memory.

package object_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/object"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of 1 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestCacheFullDisk(t *testing.T) {
	t.Parallel()
	dir, store, ctx := smallDisk(t), newRemote(), context.Background()
	a, b, huge := store.put("a", 400<<10), store.put("b", 400<<10), store.put("huge", 2<<20)
	c := newCache(t, store, object.CacheConfig{Folder: filepath.Join(dir, "cache")})
	p := pin(t, c, a)
	pin(t, c, b).Release()
	opened := store.opens()
	_, err := c.Pin(ctx, []object.Description{huge})
	if failure.Of(err) != failure.Transient || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("full disk: %v, class %v", err, failure.Of(err))
	}
	for _, want := range []string{filepath.Join(dir, "cache"), "2097152 bytes are needed", " are free", "object huge"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
	if store.opens() != opened {
		t.Error("the download began without its space")
	}
	wantPinned(t, p, a)
	// Copies that are not pinned make room, also within the limit.
	pin(t, c, b).Release()
	if err := os.WriteFile(filepath.Join(dir, "other"), make([]byte, 200<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	d, e := store.put("d", 400<<10), store.put("e", 400<<10)
	wantPinned(t, pin(t, c, d), d)
	if _, err := c.Pin(ctx, []object.Description{e}); failure.Of(err) != failure.Transient {
		t.Errorf("everything is pinned: %v", err)
	}
	if names := cached(t, filepath.Join(dir, "cache")); len(names) != 2 {
		t.Errorf("the folder contains %q", names)
	}
	p.Release()
	wantPinned(t, pin(t, c, e), e)
}
