// salvage.go takes the whole documents of a damaged catalog over into a new file.

package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keptSuffix is what the name of a damaged catalog's kept file adds to its own.
const keptSuffix = ".damaged"

// Salvaged says what became of a damaged catalog.
type Salvaged struct {
	Kept    int    // documents that are whole
	Damaged string // file that the old catalog is kept in; empty if there was none
}

// Salvage replaces the catalog at path, which nobody has open, by a new one that holds its whole documents. The old file stays
// beside it, with its log under the name that SQLite looks for. A crash leaves the old catalog or the new one in place.
func Salvage(ctx context.Context, path string) (done Salvaged, err error) {
	fresh, aside := path+".new", path+keptSuffix
	if err := errors.Join(removeAll(fresh), restoreLog(path, aside)); err != nil {
		return done, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	to, err := Open(fresh)
	if err != nil {
		return done, err
	}
	done.Kept, err = takeOver(ctx, path, to)
	if err := errors.Join(err, to.Close()); err != nil {
		return done, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	if exists(path) || exists(path+logSuffix) {
		done.Damaged = aside
	}
	if err := replace(fresh, path, aside); err != nil {
		return done, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	return done, nil
}

// removeAll removes a catalog's file and what SQLite keeps beside it.
func removeAll(path string) error {
	for _, file := range []string{path, path + logSuffix, path + "-shm"} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove catalog: %w", err)
		}
	}
	return nil
}

// restoreLog gives a damaged catalog its log back where replace was interrupted between removing it and putting the new file in place.
func restoreLog(path, aside string) error {
	if !sameFile(path, aside) {
		return nil
	}
	err := os.Link(aside+logSuffix, path+logSuffix)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func sameFile(path, other string) bool {
	a, err := os.Stat(path)
	b, failed := os.Stat(other)
	return err == nil && failed == nil && os.SameFile(a, b)
}

// replace keeps the old file and its log under other names and puts the new file in their place. The old log is removed before:
// SQLite would apply it to the new file.
func replace(fresh, path, aside string) error {
	if err := removeAll(aside); err != nil {
		return err
	}
	for _, side := range []string{"", logSuffix} {
		if err := os.Link(path+side, aside+side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	for _, side := range []string{logSuffix, "-shm"} {
		if err := os.Remove(path + side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
