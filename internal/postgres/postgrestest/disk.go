//go:build linux

// Servers and databases on a file system of their own, which a test can fill.

package postgrestest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// StartLogOnDisk starts a server with its log of transactions, and nothing else, on a file system of so many KiB, and returns the folder. The
// server keeps all of the log, so that a checkpoint does not make room in it, and ends when it cannot be written: see Restart. The test is
// skipped where no file system may be mounted.
func StartLogOnDisk(t testing.TB, size int) (s *Server, dir string) {
	t.Helper()
	dir = disk(t, size)
	return Start(t, Options{Log: filepath.Join(dir, "log"), Settings: []string{"min_wal_size=2MB", "max_wal_size=4MB", "wal_keep_size=1GB"}}), dir
}

// DatabaseOnDisk creates a database whose tables are on a file system of so many KiB, and returns its URL and the folder. The server's log of
// transactions is elsewhere. The test is skipped where no file system may be mounted.
func (s *Server) DatabaseOnDisk(t testing.TB, size int) (location, dir string) {
	t.Helper()
	dir = disk(t, size)
	space := filepath.Join(dir, "tables")
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	owner, err := account()
	if err != nil {
		t.Fatal(err)
	}
	if owner != nil {
		if err := os.Chown(space, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	name := fmt.Sprintf("disk_%d", s.databases.Add(1))
	s.Exec(t, fmt.Sprintf("CREATE TABLESPACE %s LOCATION '%s'", name, space), fmt.Sprintf("CREATE DATABASE %s TABLESPACE %[1]s", name))
	t.Cleanup(func() {
		s.Exec(t, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name), "DROP TABLESPACE "+name)
	})
	return s.URL(name), dir
}

// disk mounts a file system of so many KiB where also the server's user can enter, which the folder of a test does not allow.
func disk(t testing.TB, size int) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bursar-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)); err != nil {
		t.Skipf("no file system may be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
