// takeover.go reads what is whole of a damaged catalog, from a copy: SQLite changes the files that it opens.

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

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// takeOver copies the whole documents of the catalog at path and its log. Where something cannot be read, it reads on with the first
// page of an empty catalog: all catalogs have the same, but for numbers that reading does without, and behind a damaged one nothing
// is found. What is wrong with the catalog is no error: nothing of it may be readable.
func takeOver(ctx context.Context, path string, to *SQLite) (kept int, err error) {
	scratch := path + ".copy"
	defer func() { err = errors.Join(err, removeAll(scratch)) }()
	for _, head := range []bool{false, true} {
		if err := copyPair(path, scratch); err != nil {
			return kept, fmt.Errorf("copy damaged catalog: %w", err)
		}
		if head {
			if err := replaceHead(scratch); err != nil {
				return kept, err
			}
		}
		n, whole, err := copyWhole(ctx, scratch, to)
		kept += n
		if err != nil || whole {
			return kept, err
		}
	}
	return kept, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// copyPair copies a catalog's file and its log, those that are there.
func copyPair(path, to string) error {
	if err := removeAll(to); err != nil {
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
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close() // only read
	file, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}

const (
	// headPage is the size of the first page: SQLite's default for all pages.
	headPage = 4096
	// headPages is where the first page has the number of pages, four bytes; zeros leave it to the size of the files.
	headPages = 28
)

// replaceHead gives a catalog's file the first page of an empty catalog.
func replaceHead(path string) error {
	page, err := emptyHead(path + ".empty")
	if err != nil {
		return err
	}
	clear(page[headPages:][:4])
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(page, 0)
	return errors.Join(err, file.Close())
}

// emptyHead makes an empty catalog for its first page.
func emptyHead(path string) (page []byte, err error) {
	if err := removeAll(path); err != nil {
		return nil, err
	}
	c, err := Open(path)
	if err == nil {
		err = c.Close()
	}
	if err == nil {
		page, err = os.ReadFile(path)
	}
	if err := errors.Join(err, removeAll(path)); err != nil {
		return nil, err
	}
	return page[:headPage], nil
}

// copyWhole copies documents from both ends, each up to where the file cannot be read any more. Whole says that it can be to the end.
func copyWhole(ctx context.Context, path string, to *SQLite) (kept int, whole bool, err error) {
	if !exists(path) {
		return 0, false, nil
	}
	from, err := connect(path, 1)
	if err != nil {
		return 0, false, err
	}
	defer from.Close() // it is a copy
	err = to.Update(ctx, func(tx Tx) error {
		kept = 0
		for _, order := range []string{"", " DESC"} {
			n, err := copyOrdered(ctx, from, order, tx)
			kept += n
			if whole = err == nil; whole {
				return nil
			}
			if !unreadable(err) {
				return err
			}
		}
		return nil
	})
	return kept, whole, err
}

// copyOrdered copies whole documents that are not there yet, up to the first error.
func copyOrdered(ctx context.Context, from *sql.DB, order string, tx Tx) (kept int, err error) {
	rows, err := from.QueryContext(ctx, `SELECT key, value, sum FROM documents ORDER BY key`+order)
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

// unreadable reports whether an error is what a damaged catalog answers. A disk that fails, or a lock, is not that: who tries again may
// read more.
func unreadable(err error) bool {
	var read readError
	if !errors.As(err, &read) {
		return false
	}
	var damaged *DamagedError
	if errors.As(damage(read.error), &damaged) {
		return true
	}
	var from *sqlite.Error
	if !errors.As(read.error, &from) {
		return false
	}
	switch from.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG: // the table or a column is not there; a size is none
		return true
	}
	return false
}
