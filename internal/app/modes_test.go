// Only its owner can read a project's state, whatever the folder's mode was.

package app

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func TestOthersCannotReadTheState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range twoStreams() {
		putFile(t, dir, name, text)
	}
	state := filepath.Join(dir, ".bursar")
	old := putFile(t, dir, ".bursar/objects/x/old", "")
	for path, mode := range map[string]os.FileMode{old: 0o644, filepath.Dir(old): 0o755, state: 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		mustIngest(t, a, "good", putFile(t, dir, "n.jsonl", `{"id":"f","n":1}`))
		if _, err := a.Run(t.Context(), []string{"of_good"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
