// Atomic writing of small files: the remains of an interrupted write do not affect the next.

package object_test

import (
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/object"
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
	if err := object.WriteFile(path, []byte("secret")); err != nil {
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
