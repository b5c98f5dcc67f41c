// A transaction of the SQLite catalog.

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pageSize is how many documents a listing reads at a time; its first page is smaller.
const (
	pageSize           = 256
	firstPageDocuments = 8
)

type sqliteTx struct {
	ctx     context.Context
	tx      *sql.Tx
	written *Written // nil in View

	unchecked bool // documents of an earlier layout have no checksums
}

func (t *sqliteTx) Get(key string, value any) (bool, error) {
	if err := CheckKey(key); err != nil {
		return false, err
	}
	d := document{key: key}
	err := t.tx.QueryRowContext(t.ctx, `SELECT value, sum FROM documents WHERE key = ?`, key).Scan((*[]byte)(&d.value), &d.sum)
	absent := errors.Is(err, sql.ErrNoRows)
	if absent {
		err = t.checkNeighbours(key)
	} else if err == nil {
		err = d.check()
	}
	if err == nil && !absent {
		err = json.Unmarshal(d.value, value)
	}
	if err != nil {
		return false, fmt.Errorf("get document %s: %w", key, asDamaged(err))
	}
	return !absent, nil
}

func (t *sqliteTx) Put(key string, value any) error {
	if err := t.checkWrite(key); err != nil {
		return fmt.Errorf("put document %s: %w", key, err)
	}
	text, err := json.Marshal(value)
	if err == nil {
		_, err = t.tx.ExecContext(t.ctx, `INSERT INTO documents (key, value, sum) VALUES (?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, sum = excluded.sum`, key, string(text), Checksum(key, text))
	}
	if err != nil {
		return fmt.Errorf("put document %s: %w", key, asDamaged(err))
	}
	return nil
}

func (t *sqliteTx) Delete(key string) error {
	err := t.checkWrite(key)
	if err == nil {
		_, err = t.tx.ExecContext(t.ctx, `DELETE FROM documents WHERE key = ?`, key)
	}
	if err != nil {
		return fmt.Errorf("delete document %s: %w", key, asDamaged(err))
	}
	return nil
}

func (t *sqliteTx) List(prefix string, fn func(key string, value json.RawMessage) error) error {
	return t.list(prefix, prefix, true, fn)
}

func (t *sqliteTx) ListAfter(prefix, after string, fn func(key string, value json.RawMessage) error) error {
	if after < prefix {
		return t.List(prefix, fn)
	}
	return t.list(prefix, after, false, fn)
}

func (t *sqliteTx) list(prefix, from string, inclusive bool, fn func(key string, value json.RawMessage) error) error {
	// It reads pages instead of using one cursor, so that fn may use the transaction and memory stays bounded. The first pages
	// are small, because many listings stop early.
	if err := t.checkFirst(`SELECT key, value, sum FROM documents WHERE key < ? ORDER BY key DESC LIMIT 1`, from); err != nil {
		return fmt.Errorf("list documents %s: %w", prefix, asDamaged(err))
	}
	for size := firstPageDocuments; ; size, inclusive = min(2*size, pageSize), false {
		documents, err := t.page(from, inclusive, prefix, size)
		if err != nil {
			return fmt.Errorf("list documents %s: %w", prefix, asDamaged(err))
		}
		for _, d := range documents {
			if err := fn(d.key, d.value); err != nil {
				return err
			}
		}
		if len(documents) < size {
			return nil
		}
		from = documents[size-1].key
	}
}

type document struct {
	key   string
	value json.RawMessage
	sum   sql.NullInt64
}

// scan reads a row. A row without a key means damage: SQLite reads it from a page that was overwritten with zeros or truncated.
func (d *document) scan(rows *sql.Rows) error {
	var key sql.NullString
	err := rows.Scan(&key, (*[]byte)(&d.value), &d.sum)
	if d.key = key.String; err == nil && !key.Valid {
		err = &DamagedError{Err: errors.New("a document has no key")}
	}
	return err
}

// page reads the next documents under prefix by a range of keys, because LIKE would ignore case and match wildcards. The range
// has no end, so that the first document after the prefix is checked too: it may belong under prefix and have a damaged key.
func (t *sqliteTx) page(from string, inclusive bool, prefix string, size int) ([]document, error) {
	query := `SELECT key, value, sum FROM documents WHERE key > ? ORDER BY key LIMIT ?`
	if inclusive {
		query = `SELECT key, value, sum FROM documents WHERE key >= ? ORDER BY key LIMIT ?`
	}
	rows, err := t.tx.QueryContext(t.ctx, query, from, size)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var documents []document
	for rows.Next() {
		var d document
		if err := d.scan(rows); err != nil {
			return nil, err
		}
		if err := d.check(); err != nil && !t.unchecked {
			return nil, err
		}
		if !strings.HasPrefix(d.key, prefix) {
			break
		}
		documents = append(documents, d)
	}
	return documents, rows.Err()
}

func (t *sqliteTx) checkWrite(key string) error {
	if t.written == nil {
		return ErrWriteInView
	}
	if err := CheckKey(key); err != nil {
		return err
	}
	t.written.Add(key)
	return nil
}

// ErrWriteInView is returned by Put and Delete inside View.
var ErrWriteInView = errors.New("write inside View")

// CheckKey refuses keys that some backends cannot store as text.
func CheckKey(key string) error {
	if key == "" || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return fmt.Errorf("catalog key %q: want text without NUL", key)
	}
	return nil
}
