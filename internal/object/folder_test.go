// Tests of the folder store: the conformance suite, and what only this backend has.

package object_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/object"
	"bursar/internal/object/objecttest"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	objecttest.Run(t, func(_ *testing.T, dir string) object.Store {
		return object.NewFolder(filepath.Join(dir, "not", "yet", "there"))
	})
}

func TestFolderClean(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dead := object.NewFolder(root)
	objecttest.Write(t, dead, "a/b", []byte("kept"))
	if _, err := dead.Create(context.Background(), "a/c"); err != nil {
		t.Fatal(err)
	}
	if n := files(t, root); n != 2 {
		t.Fatalf("%d files, want the object and the unfinished one", n)
	}
	alive := object.NewFolder(root)
	for range 2 {
		if err := alive.Clean(); err != nil {
			t.Fatal(err)
		}
	}
	if n := files(t, root); n != 1 {
		t.Errorf("%d files after clean, want the object", n)
	}
	objecttest.Write(t, alive, "a/c", []byte("again"))
	// A folder still creates objects after Clean.
	if err := alive.Clean(); err != nil {
		t.Fatal(err)
	}
	objecttest.Write(t, alive, "a/d", []byte("and again"))
}

func TestFolderFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	folder := object.NewFolder(root)
	objecttest.Write(t, folder, "a/b", []byte("x"))
	info, err := os.Stat(folder.Path("a/b"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want only the owner to read financial data", info.Mode())
	}
	// Files that are not objects are neither listed nor opened.
	if err := os.WriteFile(filepath.Join(root, "a", "Stray File"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := folder.List(context.Background(), "a/")
	if err != nil || len(names) != 1 {
		t.Errorf("list: %q, %v", names, err)
	}
}

// FuzzCheckName checks that no accepted name leads out of the store.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"a/b", "../a", "a/./b", "a//b", "", "."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if object.CheckName(name) == nil && (!fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name))) {
			t.Errorf("%q is accepted", name)
		}
	})
}

func files(t *testing.T, root string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
