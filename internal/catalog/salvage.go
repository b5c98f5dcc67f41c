// salvage.go takes the whole documents of a damaged catalog over into a new file.

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Salvaged says what became of a damaged catalog.
type Salvaged struct {
	Kept    int    // documents that are whole
	Damaged string // file that the old catalog is kept in; empty if there was none
}

// Salvage replaces the catalog at path, which nobody has open, by a new one that holds its whole documents. The old file stays
// beside it. A crash leaves the old catalog or the new one in place.
func Salvage(ctx context.Context, path string) (done Salvaged, err error) {
	fresh, aside := path+".new", path+".damaged"
	if err := removeAll(fresh); err != nil {
		return done, err
	}
	to, err := Open(fresh)
	if err != nil {
		return done, err
	}
	done.Kept, err = copyWhole(ctx, path, to)
	if err := errors.Join(err, to.Close()); err != nil {
		return done, fmt.Errorf("salvage catalog %s: %w", path, err)
	}
	if _, err := os.Stat(path); err == nil {
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

// replace keeps the old file under another name and puts the new one in its place. The log of the old one goes before: SQLite would
// apply it to the new one.
func replace(fresh, path, aside string) error {
	if err := removeAll(aside); err != nil {
		return err
	}
	if err := os.Link(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// copyWhole copies documents from both ends, each up to where the file cannot be read any more. What is wrong with the file is no
// error: nothing of it may be readable.
func copyWhole(ctx context.Context, path string, to *SQLite) (kept int, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, nil
	}
	from, err := connect(path, 1)
	if err != nil {
		return 0, err
	}
	defer from.Close() // writes the log back, if that can be
	err = to.Update(ctx, func(tx Tx) error {
		kept = 0
		for _, order := range []string{"", " DESC"} {
			n, err := copyOrdered(ctx, from, order, tx)
			if err != nil {
				return err
			}
			kept += n
		}
		return nil
	})
	return kept, err
}

// copyOrdered copies whole documents that are not there yet; its errors are those of writing.
func copyOrdered(ctx context.Context, from *sql.DB, order string, tx Tx) (kept int, err error) {
	rows, err := from.QueryContext(ctx, `SELECT key, value, sum FROM documents ORDER BY key`+order)
	if err != nil {
		return 0, ctx.Err()
	}
	defer rows.Close()
	for rows.Next() {
		var d document
		if d.scan(rows) != nil {
			break
		}
		if d.check() != nil {
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
	_ = rows.Err() // the file is damaged: this is where
	return kept, ctx.Err()
}
