// Files and folders that survive: the remains of an interrupted write do not affect the next.

package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"bursar/internal/durable"
)

func TestWriteFileIsItsOwners(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	for _, left := range []string{path, path + ".new"} {
		if err := os.WriteFile(left, []byte("of an earlier and longer write"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(left, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.WriteFile(path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "secret" {
		t.Errorf("read back %q, %v", text, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("there are %v, %v", names, err)
	}
}

func TestMakeFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // an existing folder is no error
		if err := durable.MakeFolder(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := durable.MakeFolder(path); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("MakeFolder(%s) = %v, want ENOTDIR", path, err)
		}
	}
}
