// Salvage of a damaged catalog: copies its undamaged documents into a new file and replaces the old one. Documents are read from a
// copy, because SQLite changes the files that it opens.

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bursar/internal/durable"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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

// copyDocuments copies the undamaged documents of the catalog at path and its log. If not all can be read, it tries again with
// the first page of an empty catalog: nothing can be found after a damaged first page, and except for numbers that are not
// needed for reading it is the same in all catalogs. Damage is not an error, even if nothing can be read.
func copyDocuments(ctx context.Context, path string, target *SQLite) (kept int, err error) {
	scratch := path + ".copy"
	defer func() { err = errors.Join(err, removeCatalog(scratch)) }()
	for _, replaceFirst := range []bool{false, true} {
		if err := copyCatalogFiles(path, scratch); err != nil {
			return kept, fmt.Errorf("copy damaged catalog: %w", err)
		}
		if replaceFirst {
			if err := replaceFirstPage(scratch); err != nil {
				return kept, err
			}
		}
		n, complete, err := copyReadable(ctx, scratch, target)
		kept += n
		if err != nil || complete {
			return kept, err
		}
	}
	return kept, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// copyCatalogFiles copies a catalog's file and its log, if they exist.
func copyCatalogFiles(path, to string) error {
	if err := removeCatalog(to); err != nil {
		return err
	}
	for _, side := range []string{"", logSuffix} {
		if err := copyFile(path+side, to+side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyFile(path, to string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	file, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, in)
	return errors.Join(err, file.Close())
}

const (
	// firstPageSize is the size of the first page: SQLite's default for all pages.
	firstPageSize = 4096
	// pageCountOffset is the offset of the number of pages in the first page, four bytes. Zeros mean: by the size of the file.
	pageCountOffset = 28
)

// replaceFirstPage overwrites the first page of a catalog's file with that of an empty catalog.
func replaceFirstPage(path string) error {
	page, err := emptyFirstPage(path + ".empty")
	if err != nil {
		return err
	}
	clear(page[pageCountOffset:][:4])
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(page, 0)
	return errors.Join(err, file.Close())
}

// emptyFirstPage returns the first page of an empty catalog, which it creates.
func emptyFirstPage(path string) (page []byte, err error) {
	if err := removeCatalog(path); err != nil {
		return nil, err
	}
	c, err := OpenSQLite(path)
	if err == nil {
		err = c.Close()
	}
	if err == nil {
		page, err = os.ReadFile(path)
	}
	if err := errors.Join(err, removeCatalog(path)); err != nil {
		return nil, err
	}
	return page[:firstPageSize], nil
}

// copyReadable copies documents from both ends, each up to the first read error. complete reports that there was none.
func copyReadable(ctx context.Context, path string, target *SQLite) (kept int, complete bool, err error) {
	if !exists(path) {
		return 0, false, nil
	}
	source, err := connect(path, 1, nil)
	if err != nil {
		return 0, false, err
	}
	defer source.Close() // it is a copy
	err = target.Update(ctx, func(tx Tx) error {
		kept = 0
		for _, order := range []string{"", " DESC"} {
			n, err := copyOrdered(ctx, source, order, tx)
			kept += n
			if complete = err == nil; complete {
				return nil
			}
			if !isUnreadable(err) {
				return err
			}
		}
		return nil
	})
	return kept, complete, err
}

// copyOrdered copies undamaged documents that the target does not have yet, up to the first error.
func copyOrdered(ctx context.Context, source *sql.DB, order string, tx Tx) (kept int, err error) {
	rows, err := source.QueryContext(ctx, `SELECT key, value, sum FROM documents ORDER BY key`+order)
	if err != nil {
		return 0, readError{err}
	}
	defer rows.Close()
	for rows.Next() {
		var d document
		if d.scan(rows) != nil || d.check() != nil { // a value of another type cannot be scanned
			continue
		}
		known, err := tx.Get(d.key, &json.RawMessage{})
		if err == nil && !known {
			kept++
			err = tx.Put(d.key, d.value)
		}
		if err != nil {
			return kept, err
		}
	}
	if err := rows.Err(); err != nil {
		return kept, readError{err}
	}
	return kept, nil
}

// readError is an error of the damaged catalog, not of the new one.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// isUnreadable reports whether an error comes from damage of the catalog. A failing disk or a lock does not count: another
// attempt may read more.
func isUnreadable(err error) bool {
	var read readError
	if !errors.As(err, &read) {
		return false
	}
	var damaged *DamagedError
	if errors.As(asDamaged(read.error), &damaged) {
		return true
	}
	var sqliteErr *sqlite.Error
	if !errors.As(read.error, &sqliteErr) {
		return false
	}
	switch sqliteErr.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG: // a table or column is missing, or a size is invalid
		return true
	}
	return false
}
