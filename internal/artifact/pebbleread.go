// Reads of the index: lookups of many sorted keys with a few iterators that only move forward, and scans of the entries of a generation
// or of one key.

package artifact

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"
)

const (
	// findChunk is how many keys one worker looks up before it sends the results.
	findChunk = 4096
	// findWorkers is how many chunks are looked up at a time.
	findWorkers = 2
	// findSteps is how many entries a worker steps over before it seeks: neighbours are cheaper to reach by steps.
	findSteps = 4
)

// findResult is the newest entry of one key, if there is one.
type findResult struct {
	run      uint64
	location Location
	ok       bool
}

// Find looks up keys; workers take chunks of them in turn, and found is called on the caller's goroutine.
func (x *PebbleIndex) Find(ctx context.Context, space Space, asOf uint64, keys [][]byte, found func(i int, e Entry) error) error {
	prefix, err := spacePrefix(space)
	if err == nil {
		err = x.find(ctx, prefix, asOf, keys, found)
	}
	return indexError(fmt.Sprintf("find %d keys in", len(keys)), space, err)
}

// find gives worker w the chunks w, w+workers …: each iterator only moves forward, and results are received in order.
func (x *PebbleIndex) find(ctx context.Context, prefix []byte, asOf uint64, keys [][]byte, found func(i int, e Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer group.Wait() //nolint:errcheck // its first error is the cause that collect returns
	defer cancel()
	workers := min(findWorkers, (len(keys)+findChunk-1)/findChunk)
	results := make([]chan []findResult, workers)
	for w := range results {
		results[w] = make(chan []findResult, 1)
		group.Go(func() error { return x.findChunks(ctx, prefix, asOf, keys, w, results) })
	}
	for c := 0; c*findChunk < len(keys); c++ {
		select {
		case chunk := <-results[c%workers]:
			if err := deliver(keys, c*findChunk, chunk, found); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func deliver(keys [][]byte, first int, chunk []findResult, found func(i int, e Entry) error) error {
	for j, f := range chunk {
		if !f.ok {
			continue
		}
		if err := found(first+j, Entry{Key: keys[first+j], Run: f.run, Location: f.location}); err != nil {
			return err
		}
	}
	return nil
}

// findChunks looks up worker w's chunks of keys.
func (x *PebbleIndex) findChunks(ctx context.Context, prefix []byte, asOf uint64, keys [][]byte, w int, results []chan []findResult) error {
	iter, err := x.iterator(ctx, prefix)
	if err != nil {
		return err
	}
	defer iter.Close()
	c := cursor{iter: iter, target: bytes.Clone(prefix), prefix: len(prefix), asOf: asOf}
	for at := w * findChunk; at < len(keys); at += len(results) * findChunk {
		chunk := make([]findResult, min(findChunk, len(keys)-at))
		for j := range chunk {
			if chunk[j], err = c.find(keys[at+j]); err != nil {
				return err
			}
		}
		select {
		case results[w] <- chunk:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (x *PebbleIndex) iterator(ctx context.Context, prefix []byte) (*pebble.Iterator, error) {
	return x.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: successor(prefix)})
}

// cursor looks up ascending keys with one iterator.
type cursor struct {
	iter       *pebble.Iterator
	target     []byte // space prefix, then the key and run sought
	prefix     int    // length of the space prefix
	asOf       uint64
	positioned bool // the iterator is at the first entry at or after the previous target
}

func (c *cursor) find(key []byte) (findResult, error) {
	if c.positioned && bytes.Compare(c.target[c.prefix:len(c.target)-runBytes], key) >= 0 {
		return findResult{}, fmt.Errorf("keys to find are out of order: %x after %x", key, c.target[c.prefix:len(c.target)-runBytes])
	}
	c.target = appendRun(append(c.target[:c.prefix], key...), c.asOf)
	if !c.advance() {
		return findResult{}, c.iter.Error()
	}
	stored := c.iter.Key()
	if len(stored) != len(c.target) || !bytes.HasPrefix(stored, c.target[:len(c.target)-runBytes]) {
		return findResult{}, nil
	}
	location, err := decodeLocation(c.iter.Value())
	return findResult{run: runOf(stored), location: location, ok: true}, err
}

// advance moves the iterator to the first entry at or after the target.
func (c *cursor) advance() bool {
	for step := 0; c.positioned && step <= findSteps; step++ {
		if !c.iter.Valid() {
			return false // past the last entry, and targets only grow
		}
		if bytes.Compare(c.iter.Key(), c.target) >= 0 {
			return true
		}
		if step < findSteps {
			c.iter.Next()
		}
	}
	c.positioned = true
	return c.iter.SeekGE(c.target)
}

// Scan calls each for the newest entry at or below asOf of every key.
func (x *PebbleIndex) Scan(ctx context.Context, space Space, asOf uint64, each func(e Entry) error) error {
	prefix, err := spacePrefix(space)
	if err == nil {
		var last []byte // the last key that each was called with
		err = x.walk(ctx, prefix, prefix, func(at *pebble.Iterator) error {
			stored := at.Key()
			key, run := stored[len(prefix):len(stored)-runBytes], runOf(stored)
			if run > asOf || bytes.Equal(key, last) {
				return nil
			}
			last = append(last[:0], key...)
			location, err := decodeLocation(at.Value())
			if err == nil {
				err = each(Entry{Key: key, Run: run, Location: location})
			}
			return err
		})
	}
	return indexError("scan", space, err)
}

// Loads calls each for every load of a space, newest run first.
func (x *PebbleIndex) Loads(ctx context.Context, space Space, each func(run uint64, entries int64) error) error {
	prefix, err := loadsPrefix(space)
	if err == nil {
		err = x.walk(ctx, prefix, prefix, func(at *pebble.Iterator) error {
			stored := at.Key()
			entries, n := binary.Uvarint(at.Value())
			if len(stored) < len(prefix)+runBytes || n != len(at.Value()) {
				return fmt.Errorf("load %x: %w", stored, ErrCorrupt)
			}
			return each(runOf(stored[:len(prefix)+runBytes]), int64(entries))
		})
	}
	return indexError("read loads in", space, err)
}

// History calls each for every entry of a key at or below asOf, newest first.
func (x *PebbleIndex) History(ctx context.Context, space Space, asOf uint64, key []byte, each func(e Entry) error) error {
	full, err := spacePrefix(space)
	if err == nil {
		full = append(full, key...)
		err = x.walk(ctx, full, appendRun(bytes.Clone(full), asOf), func(at *pebble.Iterator) error {
			stored := at.Key()
			if len(stored) != len(full)+runBytes {
				return nil // a longer key; the given one is not complete
			}
			location, err := decodeLocation(at.Value())
			if err == nil {
				err = each(Entry{Key: full[len(full)-len(key):], Run: runOf(stored), Location: location})
			}
			return err
		})
	}
	return indexError("read history in", space, err)
}

// walk calls each at every stored key under a prefix, beginning at from.
func (x *PebbleIndex) walk(ctx context.Context, prefix, from []byte, each func(at *pebble.Iterator) error) error {
	iter, err := x.iterator(ctx, prefix)
	if err != nil {
		return err
	}
	defer iter.Close()
	for n, ok := 0, iter.SeekGE(from); ok; n, ok = n+1, iter.Next() {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(iter); err != nil {
			return err
		}
	}
	return iter.Error()
}

// indexError says what failed in which index; nil for nil.
func indexError(what string, space Space, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s index of %s generation %d: %w", what, space.Pipeline, space.Generation, markCorruption(err))
}
