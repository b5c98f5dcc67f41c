// Salvage of a damaged catalog: copies its undamaged documents into a new file and replaces the old one.

package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/durable"
)

// keptSuffix is the suffix of the file in which a damaged catalog is kept.
const keptSuffix = ".damaged"

// Salvaged is the result of a salvage.
type Salvaged struct {
	Kept    int    // undamaged documents
	Damaged string // file in which the old catalog is kept; empty if there was no catalog
}

// Salvage replaces the catalog at path, which must not be open, by a new one with its undamaged documents. The old file is kept
// next to it, together with its log. A crash leaves either the old or the new catalog in place.
func Salvage(ctx context.Context, path string) (result Salvaged, err error) {
	newPath, keptPath := path+".new", path+keptSuffix
	if err := errors.Join(removeCatalog(newPath), restoreLog(path, keptPath)); err != nil {
		return result, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	target, err := OpenSQLite(newPath)
	if err != nil {
		return result, err
	}
	result.Kept, err = copyDocuments(ctx, path, target)
	if err := errors.Join(err, target.Close()); err != nil {
		return result, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	if exists(path) || exists(path+logSuffix) {
		result.Damaged = keptPath
	}
	if err := replaceCatalog(newPath, path, keptPath); err != nil {
		return result, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	return result, nil
}

// removeCatalog removes a catalog's file and SQLite's files next to it.
func removeCatalog(path string) error {
	for _, file := range []string{path, path + logSuffix, path + "-shm"} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove catalog: %w", err)
		}
	}
	return nil
}

// restoreLog restores the log of a damaged catalog if replaceCatalog was interrupted after removing it and before the rename.
func restoreLog(path, keptPath string) error {
	if !sameFile(path, keptPath) {
		return nil
	}
	err := os.Link(keptPath+logSuffix, path+logSuffix)
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

// replaceCatalog keeps the old file and its log under other names and renames the new file to path. The old log is removed first,
// because SQLite would apply it to the new file.
func replaceCatalog(newPath, path, keptPath string) error {
	if err := removeCatalog(keptPath); err != nil {
		return err
	}
	for _, side := range []string{"", logSuffix} {
		if err := os.Link(path+side, keptPath+side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	for _, side := range []string{logSuffix, "-shm"} {
		if err := os.Remove(path + side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.Rename(newPath, path)
}
