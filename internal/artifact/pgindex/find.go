// Looks up many sorted keys in batches.

package pgindex

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"bursar/internal/artifact"
)

// findSQL walks down the tree once for each key: keys are ascending, so neighbours find their pages in the cache. An array of
// 4,096 keys takes some milliseconds in a table of a million or of ten million entries.
const findSQL = `
SELECT ` + locationColumns + `, i FROM unnest($1::bytea[]) WITH ORDINALITY AS k(wanted, i)
CROSS JOIN LATERAL (SELECT ` + locationColumns + ` FROM %s WHERE key = wanted AND run <= $2 ORDER BY run DESC LIMIT 1) e`

// Find looks up keys; workers take batches of them in turn, and found is called on the caller's goroutine.
func (x *Index) Find(ctx context.Context, space artifact.Space, asOf uint64, keys [][]byte, found func(i int, e artifact.Entry) error) error {
	begun := false
	err := checkAscending(keys)
	if err == nil && len(keys) > 0 {
		err = x.read(ctx, space, &begun, func(table string) error {
			return x.find(ctx, &lookup{index: x, table: table, space: space, asOf: asOf, keys: keys}, func(i int, e artifact.Entry) error {
				begun = true
				return found(i, e)
			})
		})
	}
	return wrap(ctx, err, space, "find %d keys in index", len(keys))
}

func checkAscending(keys [][]byte) error {
	for i := 1; i < len(keys); i++ {
		if bytes.Compare(keys[i-1], keys[i]) >= 0 {
			return fmt.Errorf("keys to find are out of order: %x after %x", keys[i], keys[i-1])
		}
	}
	return nil
}

// find gives worker w the batches w, w+workers …, and receives the results in order.
func (x *Index) find(ctx context.Context, l *lookup, found func(i int, e artifact.Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer group.Wait() //nolint:errcheck // its first error is the cause of the context's end
	defer cancel()
	size := x.sizes.batch
	batches := (len(l.keys) + size - 1) / size
	workers := min(x.lookups, batches)
	results := make([]chan []result, workers)
	for w := range results {
		results[w] = make(chan []result, 1)
		group.Go(func() error { return l.work(ctx, w*size, workers*size, results[w]) })
	}
	for b := range batches {
		select {
		case batch := <-results[b%workers]:
			if err := l.deliver(b*size, batch, found); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// lookup is one call of Find.
type lookup struct {
	index *Index
	table string
	space artifact.Space
	asOf  uint64
	keys  [][]byte
}

// result is the newest entry of one key, if ok.
type result struct {
	entry artifact.Entry
	crc   int32
	ok    bool
}

// work looks up every batch that begins at first, first+step …
func (l *lookup) work(ctx context.Context, first, step int, results chan<- []result) error {
	var d density
	for at := first; at < len(l.keys); at += step {
		keys := l.keys[at:min(at+l.index.sizes.batch, len(l.keys))]
		batch := make([]result, len(keys))
		done, err := l.readDense(ctx, &d, keys, batch)
		if err == nil && done < len(keys) {
			err = l.walk(ctx, keys[done:], batch[done:])
		}
		if err != nil {
			return err
		}
		select {
		case results <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// walk looks up each key for itself, all in one round trip.
func (l *lookup) walk(ctx context.Context, keys [][]byte, found []result) error {
	wanted := make([][]byte, len(keys))
	for i, key := range keys {
		wanted[i], _ = storedKey(key)
	}
	return l.index.rows(ctx, fmt.Sprintf(findSQL, l.table), []any{wanted, runBound(l.asOf)}, func() { clear(found) }, func(values [][]byte) error {
		e, crc, err := decodeEntry(values)
		if err != nil {
			return err
		}
		found[binary.BigEndian.Uint64(values[5])-1] = result{e, crc, true}
		return nil
	})
}

// deliver compares checksums and passes on what was found.
func (l *lookup) deliver(first int, batch []result, found func(i int, e artifact.Entry) error) error {
	checksum := newChecksummer(l.space)
	for j := range batch {
		r := &batch[j]
		if !r.ok {
			continue
		}
		r.entry.Key = l.keys[first+j]
		err := checksum.check(r.entry, r.crc)
		if err == nil {
			err = found(first+j, r.entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rows calls each with the binary values of every row of a query, which are valid during the call. It may run the query more than
// once: reset is called before each.
func (x *Index) rows(ctx context.Context, sql string, args []any, reset func(), each func(values [][]byte) error) error {
	args = append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)
	return x.pool.Retry(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		reset()
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := each(rows.RawValues()); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
