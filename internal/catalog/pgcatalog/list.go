// Listing documents in key order, one page at a time, with the writes that are not sent yet.

package pgcatalog

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

const (
	// The first page of a listing is small, because many listings stop early; each page is twice as large as the one before.
	firstPageDocuments = 32
	maxPageDocuments   = 1024
	// maxPageBytes bounds the documents of a page in memory; a single document may be larger.
	maxPageBytes = 4 << 20

	selectPage     = `SELECT key, value, sum FROM documents WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3`
	selectLastPage = `SELECT key, value, sum FROM documents WHERE key >= $1 ORDER BY key LIMIT $2`
)

func (t *tx) List(prefix string, fn func(key string, value json.RawMessage) error) error {
	return t.list(prefix, prefix, fn)
}

func (t *tx) ListAfter(prefix, after string, fn func(key string, value json.RawMessage) error) error {
	if after < prefix {
		return t.List(prefix, fn)
	}
	return t.list(prefix, after+"\x00", fn) // the least text above after
}

func (t *tx) list(prefix, from string, fn func(key string, value json.RawMessage) error) error {
	for size := firstPageDocuments; ; size = min(2*size, maxPageDocuments) {
		documents, more, err := t.page(from, prefix, size)
		if err != nil {
			return t.fail("list documents %s: %w", prefix, err)
		}
		next := from
		if more {
			next = documents[len(documents)-1].key + "\x00"
		}
		for _, d := range t.withPending(documents, prefix, from, next, more) {
			if err := fn(d.key, d.value); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		from = next
	}
}

// page reads the next documents under prefix whose keys are at least from, and reports whether there may be more. The range is
// bounded at both ends, because PostgreSQL lets a transaction fail if another one has written into a range that it has read.
func (t *tx) page(from, prefix string, size int) (documents []document, more bool, err error) {
	least, possible := leastKey(from)
	if !possible {
		return nil, false, nil
	}
	batch := t.newBatch()
	var query *pgx.QueuedQuery
	if end, bounded := leastKey(afterPrefix(prefix)); bounded && end != "" {
		query = batch.Queue(selectPage, least, end, size)
	} else {
		query = batch.Queue(selectLastPage, least, size)
	}
	query.Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for bytes := 0; rows.Next(); {
			var d document
			if err := rows.Scan(&d.key, (*[]byte)(&d.value), &d.sum); err != nil {
				return err
			}
			if err := d.check(); err != nil {
				return err
			}
			documents = append(documents, d)
			if bytes += len(d.key) + len(d.value); bytes > maxPageBytes {
				more = true
				return nil // Close discards the rest
			}
		}
		more = len(documents) == size
		return rows.Err()
	})
	t.oneRead = false
	t.reads++
	err = t.send(batch)
	return documents, more, err
}

// withPending returns the documents of a page as the transaction's own writes leave them. The page covers the keys under prefix
// from from to next, or all of them if it is the last one.
func (t *tx) withPending(documents []document, prefix, from, next string, more bool) []document {
	if len(t.pending) == 0 {
		return documents
	}
	merged := slices.DeleteFunc(documents, func(d document) bool {
		_, replaced := t.pending[d.key]
		return replaced
	})
	for _, key := range slices.Sorted(maps.Keys(t.pending)) {
		if value := t.pending[key]; value != nil && strings.HasPrefix(key, prefix) && key >= from && (!more || key < next) {
			merged = append(merged, document{key: key, value: value})
		}
	}
	slices.SortFunc(merged, func(a, b document) int { return strings.Compare(a.key, b.key) })
	return merged
}

// afterPrefix returns the least bytes above all texts that start with prefix, "" if there are none. They need not be a text.
func afterPrefix(prefix string) string {
	last := len(prefix) - 1
	for last >= 0 && prefix[last] == 0xff {
		last--
	}
	if last < 0 {
		return ""
	}
	return prefix[:last] + string([]byte{prefix[last] + 1})
}

// leastKey returns the least key, which is valid UTF-8 without NUL, that is not less than bytes. PostgreSQL refuses other text,
// also to compare with. It reports false if there is none.
func leastKey(bytes string) (string, bool) {
	valid := 0
	for valid < len(bytes) {
		r, size := utf8.DecodeRuneInString(bytes[valid:])
		if r == 0 || r == utf8.RuneError && size <= 1 {
			break
		}
		valid += size
	}
	start, rest := bytes[:valid], bytes[valid:]
	if rest == "" {
		return start, true
	}
	for {
		// The order of characters is that of their bytes.
		r := rune(sort.Search(utf8.MaxRune+1, func(r int) bool { return r > 0 && encode(r) >= rest }))
		if r <= utf8.MaxRune {
			return start + encode(int(r)), true
		}
		if start == "" {
			return "", false
		}
		_, size := utf8.DecodeLastRuneInString(start)
		start, rest = start[:len(start)-size], afterPrefix(start[len(start)-size:])
	}
}

// encode returns the text of a character, and that of the first one after them for the surrogates, which are none.
func encode(r int) string {
	if r >= 0xd800 && r < 0xe000 {
		r = 0xe000
	}
	return string(rune(r))
}
