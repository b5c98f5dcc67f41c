// Detection of damage: every document has a checksum over key and value.

package catalog

import (
	"cmp"
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

// Checksum is the CRC-32C of a document's key, a NUL and its value.
func Checksum(key string, value []byte) int64 {
	sum := crc32.Update(0, castagnoli, append([]byte(key), 0))
	return int64(crc32.Update(sum, castagnoli, value))
}

// DamagedError means that the catalog is not as it was written. Its class is Data.
type DamagedError struct {
	Key  string // of the document; empty if the damage is not in a single document
	Err  error
	Next string // the next step; empty: bursar repair
}

func (e *DamagedError) Error() string {
	next := cmp.Or(e.Next, "run `bursar repair`")
	if e.Key == "" {
		return fmt.Sprintf("the catalog is damaged: %v; %s", e.Err, next)
	}
	return fmt.Sprintf("the catalog is damaged: document %q: %v; %s", e.Key, e.Err, next)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Class is Data: reading again gives the same error.
func (e *DamagedError) Class() failure.Class { return failure.Data }

// ErrChecksum is the cause of a DamagedError of one document.
var ErrChecksum = errors.New("its checksum does not match its content")

// asDamaged converts SQLite's errors for a damaged file into a DamagedError.
func asDamaged(err error) error {
	var sqliteErr *sqlite.Error
	if !errors.As(err, &sqliteErr) {
		return err
	}
	switch code := sqliteErr.Code(); {
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB, code == sqlite3.SQLITE_IOERR_SHORT_READ:
		return &DamagedError{Err: err}
	// The file was truncated after the catalog was opened.
	case code == sqlite3.SQLITE_ERROR && strings.Contains(sqliteErr.Error(), "no such table: documents"):
		return &DamagedError{Err: err}
	}
	return err
}

// asRemoved converts an error of opening a connection into a DamagedError if the file was removed after the catalog was opened.
func (s *SQLite) asRemoved(err error) error {
	var sqliteErr *sqlite.Error
	if errors.As(err, &sqliteErr) && sqliteErr.Code()&0xff == sqlite3.SQLITE_CANTOPEN {
		if _, statErr := os.Stat(s.path); errors.Is(statErr, fs.ErrNotExist) {
			return &DamagedError{Err: fmt.Errorf("%s was removed", s.path)}
		}
	}
	return err
}

// check compares a document with its checksum.
func (d *document) check() error {
	if !d.sum.Valid || d.sum.Int64 != Checksum(d.key, d.value) {
		return &DamagedError{Key: d.key, Err: ErrChecksum}
	}
	return nil
}

// checkNeighbours checks the documents before and after a key that was not found. If a bit of the stored key has changed, the
// document is one of them, as the search for the original key ends at its position.
func (t *sqliteTx) checkNeighbours(key string) error {
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

// verify reads a whole catalog: SQLite's check of its structure, then every document. It returns the number of documents.
func verify(ctx context.Context, db *sql.DB) (documents int, err error) {
	var found []string
	rows, err := db.QueryContext(ctx, `PRAGMA integrity_check(3)`)
	if err != nil {
		return 0, asDamaged(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return 0, asDamaged(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		return 0, asDamaged(err)
	}
	if text := strings.Join(found, "; "); text != "ok" {
		return 0, &DamagedError{Err: errors.New(text)}
	}
	err = inTransaction(ctx, db, nil, func(tx Tx) error {
		documents = 0
		return tx.List("", func(string, json.RawMessage) error { documents++; return nil })
	})
	return documents, err
}
