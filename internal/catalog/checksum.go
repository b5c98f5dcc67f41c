// checksum.go tells documents that were changed behind the catalog's back, by a checksum over key and value.

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strings"

	"bursar/internal/failure"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C of a document's key, a NUL and its value.
func checksum(key string, value []byte) int64 {
	sum := crc32.Update(0, castagnoli, append([]byte(key), 0))
	return int64(crc32.Update(sum, castagnoli, value))
}

// DamagedError says that the catalog is not what was written. Class Data.
type DamagedError struct {
	Key string // of the document; empty where it is not one alone
	Err error
}

func (e *DamagedError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("the catalog is damaged: %v; run `bursar repair`", e.Err)
	}
	return fmt.Sprintf("the catalog is damaged: document %q: %v; run `bursar repair`", e.Key, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Class is Data: reading it again gives the same.
func (e *DamagedError) Class() failure.Class { return failure.Data }

var errChecksum = errors.New("its checksum is not that of its content")

// damage makes SQLite's words for a damaged file a DamagedError.
func damage(err error) error {
	var from *sqlite.Error
	if !errors.As(err, &from) {
		return err
	}
	switch code := from.Code(); {
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB, code == sqlite3.SQLITE_IOERR_SHORT_READ:
		return &DamagedError{Err: err}
	case code == sqlite3.SQLITE_ERROR && strings.Contains(from.Error(), "no such table: documents"): // a connection opened since the file was emptied
		return &DamagedError{Err: err}
	}
	return err
}

// gone makes a DamagedError of a connection that cannot be opened, as the file was removed since the catalog was opened.
func (s *SQLite) gone(err error) error {
	var from *sqlite.Error
	if errors.As(err, &from) && from.Code()&0xff == sqlite3.SQLITE_CANTOPEN {
		if _, missing := os.Stat(s.path); errors.Is(missing, fs.ErrNotExist) {
			return &DamagedError{Err: fmt.Errorf("%s is gone", s.path)}
		}
	}
	return err
}

// check compares a document with its checksum.
func (d *document) check() error {
	if !d.sum.Valid || d.sum.Int64 != checksum(d.key, d.value) {
		return &DamagedError{Key: d.key, Err: errChecksum}
	}
	return nil
}

// checkBeside checks the documents on both sides of a key that is not there: if a bit of it has changed, it is one of them, as a
// search by the old key ends where the document lies.
func (t *sqliteTx) checkBeside(key string) error {
	for _, query := range []string{
		`SELECT key, value, sum FROM documents WHERE key < ? ORDER BY key DESC LIMIT 1`,
		`SELECT key, value, sum FROM documents WHERE key > ? ORDER BY key LIMIT 1`,
	} {
		if err := t.checkFirst(query, key); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTx) checkFirst(query, key string) error {
	rows, err := t.tx.QueryContext(t.ctx, query, key)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d document
		if err := d.scan(rows); err != nil {
			return err
		}
		if err := d.check(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// verify reads a whole catalog: SQLite's own check of its structure, then every document. It gives the number of documents.
func verify(ctx context.Context, db *sql.DB) (documents int, err error) {
	var found []string
	rows, err := db.QueryContext(ctx, `PRAGMA integrity_check(3)`)
	if err != nil {
		return 0, damage(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return 0, damage(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		return 0, damage(err)
	}
	if text := strings.Join(found, "; "); text != "ok" {
		return 0, &DamagedError{Err: errors.New(text)}
	}
	err = within(ctx, db, true, func(tx Tx) error {
		documents = 0
		return tx.List("", func(string, json.RawMessage) error { documents++; return nil })
	})
	return documents, err
}
