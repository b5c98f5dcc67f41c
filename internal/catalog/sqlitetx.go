// sqlitetx.go reads and writes documents within one SQLite transaction.

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

// page is how many documents a listing holds in memory at a time; its first page is smaller.
const (
	page      = 256
	firstPage = 8
)

type sqliteTx struct {
	ctx      context.Context
	tx       *sql.Tx
	readOnly bool
}

func (t *sqliteTx) Get(key string, value any) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	var text []byte
	err := t.tx.QueryRowContext(t.ctx, `SELECT value FROM documents WHERE key = ?`, key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		return false, fmt.Errorf("get document %s: %w", key, err)
	}
	return true, nil
}

func (t *sqliteTx) Put(key string, value any) error {
	if err := t.checkWrite(key); err != nil {
		return fmt.Errorf("put document %s: %w", key, err)
	}
	text, err := json.Marshal(value)
	if err == nil {
		_, err = t.tx.ExecContext(t.ctx, `INSERT INTO documents (key, value) VALUES (?, ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, string(text))
	}
	if err != nil {
		return fmt.Errorf("put document %s: %w", key, err)
	}
	return nil
}

func (t *sqliteTx) Delete(key string) error {
	err := t.checkWrite(key)
	if err == nil {
		_, err = t.tx.ExecContext(t.ctx, `DELETE FROM documents WHERE key = ?`, key)
	}
	if err != nil {
		return fmt.Errorf("delete document %s: %w", key, err)
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
	// Pages instead of one cursor: fn may use the transaction, and memory stays bounded. Small ones first: a listing that
	// stops early should not have read much.
	for size := firstPage; ; size, inclusive = min(2*size, page), false {
		documents, err := t.page(from, inclusive, prefix, size)
		if err != nil {
			return fmt.Errorf("list documents %s: %w", prefix, err)
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
}

// page reads the next documents under prefix by a range of keys: LIKE would fold case and match wildcards.
func (t *sqliteTx) page(from string, inclusive bool, prefix string, size int) ([]document, error) {
	query, args := `SELECT key, value FROM documents WHERE key > ?`, []any{from}
	if inclusive {
		query = `SELECT key, value FROM documents WHERE key >= ?`
	}
	if end := after(prefix); end != "" {
		query, args = query+` AND key < ?`, append(args, end)
	}
	rows, err := t.tx.QueryContext(t.ctx, query+` ORDER BY key LIMIT ?`, append(args, size)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var documents []document
	for rows.Next() {
		var d document
		if err := rows.Scan(&d.key, (*[]byte)(&d.value)); err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return documents, rows.Err()
}

// after is the first string, by bytes, above all that start with prefix; "" when there is none.
func after(prefix string) string {
	end := []byte(prefix)
	for last := len(end) - 1; last >= 0; last-- {
		if end[last] < 0xff {
			end[last]++
			return string(end[:last+1])
		}
	}
	return ""
}

func (t *sqliteTx) checkWrite(key string) error {
	if t.readOnly {
		return errors.New("writing inside View")
	}
	return checkKey(key)
}

// checkKey refuses what some backend could not keep as text.
func checkKey(key string) error {
	if key == "" || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return fmt.Errorf("catalog key %q: want text without NUL", key)
	}
	return nil
}
