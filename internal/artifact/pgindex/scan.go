// Reads the entries of a generation, of one key, or the loads, page by page.
//
// Each page is a query of its own that continues after the last row: nothing on the server waits for the caller between two
// pages, neither a transaction that keeps vacuum from its work nor a connection. No snapshot is needed. Entries never change and
// are never removed one by one, and a caller reads as of a run whose loads are complete, so later pages read the same table as
// the first. Only Drop takes rows away, and then the next page is an error, since the table is gone.

package pgindex

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"bursar/internal/artifact"
)

const scanSQL = `
SELECT DISTINCT ON (key) ` + locationColumns + `, key, rest FROM %s WHERE key > $1 AND run <= $2 ORDER BY key, run DESC LIMIT $3`

// Scan calls each for the newest entry at or below asOf of every key, in key order. The next page is read while each is called.
func (x *Index) Scan(ctx context.Context, space artifact.Space, asOf uint64, each func(e artifact.Entry) error) error {
	begun := false
	err := x.read(ctx, space, &begun, func(table string) error {
		s := &scan{index: x, sql: fmt.Sprintf(scanSQL, table), checksum: newChecksummer(space), asOf: asOf}
		return s.run(ctx, func(e artifact.Entry) error {
			begun = true
			return each(e)
		})
	})
	return wrap(ctx, err, space, "scan index")
}

type scan struct {
	index    *Index
	sql      string
	checksum checksummer
	asOf     uint64
	long     []artifact.Entry // with the same first bytes, not yet passed on
}

func (s *scan) run(ctx context.Context, each func(e artifact.Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer group.Wait() //nolint:errcheck // its first error is the cause of the context's end
	defer cancel()
	pages := make(chan []artifact.Entry)
	group.Go(func() error { return s.readPages(ctx, pages) })
	for {
		select {
		case entries, more := <-pages:
			if !more {
				return s.flush(each)
			}
			for _, e := range entries {
				if err := s.pass(e, each); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// readPages sends all pages, and closes the channel only if they are complete.
func (s *scan) readPages(ctx context.Context, pages chan<- []artifact.Entry) error {
	after, limit := []byte{}, s.index.sizes.firstPage // no key is empty
	for {
		var entries []artifact.Entry
		var last []byte
		reset := func() { entries = make([]artifact.Entry, 0, limit) }
		err := s.index.rows(ctx, s.sql, []any{after, runBound(s.asOf), limit}, reset, func(values [][]byte) error {
			e, crc, err := decodeEntry(values)
			if err != nil {
				return err
			}
			last = append(last[:0], values[5]...)
			e.Key = wholeOf(values[5], values[6])
			entries = append(entries, e)
			return s.checksum.check(e, crc)
		})
		if err != nil {
			return err
		}
		select {
		case pages <- entries:
		case <-ctx.Done():
			return ctx.Err()
		}
		if len(entries) < limit {
			close(pages)
			return nil
		}
		after, limit = last, s.index.sizes.page
	}
}

// wholeOf returns a copy of the key that has these columns.
func wholeOf(stored, rest []byte) []byte {
	if !isLong(stored) {
		return bytes.Clone(stored)
	}
	return append(append(make([]byte, 0, wholeKey+len(rest)), stored[:wholeKey]...), rest...)
}

// pass passes on an entry. Long keys with the same first bytes arrive in the order of their digests: they are collected, in
// memory, and sorted.
func (s *scan) pass(e artifact.Entry, each func(e artifact.Entry) error) error {
	long := len(e.Key) > wholeKey
	if len(s.long) > 0 && (!long || !bytes.Equal(s.long[0].Key[:wholeKey], e.Key[:wholeKey])) {
		if err := s.flush(each); err != nil {
			return err
		}
	}
	if !long {
		return each(e)
	}
	s.long = append(s.long, e)
	return nil
}

func (s *scan) flush(each func(e artifact.Entry) error) error {
	slices.SortFunc(s.long, func(a, b artifact.Entry) int { return bytes.Compare(a.Key, b.Key) })
	for _, e := range s.long {
		if err := each(e); err != nil {
			return err
		}
	}
	s.long = s.long[:0]
	return nil
}

const historySQL = `
SELECT ` + locationColumns + ` FROM %s WHERE key = $1 AND run <= $2 ORDER BY run DESC LIMIT $3`

// History calls each for every entry of a key at or below asOf, newest first. The first page has the newest entries, so that a
// caller of only one of them needs one round trip.
func (x *Index) History(ctx context.Context, space artifact.Space, asOf uint64, key []byte, each func(e artifact.Entry) error) error {
	begun := false
	err := x.read(ctx, space, &begun, func(table string) error {
		return x.history(ctx, table, space, asOf, key, func(e artifact.Entry) error {
			begun = true
			return each(e)
		})
	})
	return wrap(ctx, err, space, "read history in index")
}

func (x *Index) history(ctx context.Context, table string, space artifact.Space, asOf uint64, key []byte, each func(e artifact.Entry) error) error {
	sql, checksum := fmt.Sprintf(historySQL, table), newChecksummer(space)
	stored, _ := storedKey(key)
	for limit := x.sizes.firstVersions; ; limit = x.sizes.page {
		var entries []artifact.Entry
		reset := func() { entries = entries[:0] }
		err := x.rows(ctx, sql, []any{stored, runBound(asOf), limit}, reset, func(values [][]byte) error {
			e, crc, err := decodeEntry(values)
			e.Key = key
			if err == nil {
				err = checksum.check(e, crc)
			}
			entries = append(entries, e)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := each(e); err != nil {
				return err
			}
		}
		if len(entries) < limit || entries[limit-1].Run == 0 {
			return nil
		}
		asOf = entries[limit-1].Run - 1
	}
}
