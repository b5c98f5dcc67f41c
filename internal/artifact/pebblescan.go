// Scans the entries of a generation or of one key.

package artifact

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
)

// Scan calls each for the newest entry at or below asOf of every key.
func (x *PebbleIndex) Scan(ctx context.Context, space Space, asOf uint64, each func(e Entry) error) error {
	prefix, err := spacePrefix(space)
	if err == nil {
		err = x.scan(ctx, prefix, asOf, each)
	}
	if err != nil {
		return fmt.Errorf("scan index of %s generation %d: %w", space.Pipeline, space.Generation, markCorruption(err))
	}
	return nil
}

func (x *PebbleIndex) scan(ctx context.Context, prefix []byte, asOf uint64, each func(e Entry) error) error {
	iter, err := x.iterator(ctx, prefix)
	if err != nil {
		return err
	}
	defer iter.Close()
	var last []byte // the last key that each was called with
	for n, ok := 0, iter.First(); ok; n, ok = n+1, iter.Next() {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		stored := iter.Key()
		key, run := stored[len(prefix):len(stored)-runBytes], runOf(stored)
		if run > asOf || bytes.Equal(key, last) {
			continue
		}
		last = append(last[:0], key...)
		location, err := decodeLocation(iter.Value())
		if err == nil {
			err = each(Entry{Key: key, Run: run, Location: location})
		}
		if err != nil {
			return err
		}
	}
	return iter.Error()
}

// Loads calls each for every load of a space, newest run first.
func (x *PebbleIndex) Loads(ctx context.Context, space Space, each func(run uint64, entries int64) error) error {
	prefix, err := loadsPrefix(space)
	if err == nil {
		err = x.scanLoads(ctx, prefix, each)
	}
	if err != nil {
		return fmt.Errorf("read loads in index of %s generation %d: %w", space.Pipeline, space.Generation, markCorruption(err))
	}
	return nil
}

func (x *PebbleIndex) scanLoads(ctx context.Context, prefix []byte, each func(run uint64, entries int64) error) error {
	iter, err := x.iterator(ctx, prefix)
	if err != nil {
		return err
	}
	defer iter.Close()
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		stored := iter.Key()
		entries, n := binary.Uvarint(iter.Value())
		if len(stored) < len(prefix)+runBytes || n != len(iter.Value()) {
			return fmt.Errorf("load %x: %w", stored, ErrCorrupt)
		}
		if err := each(runOf(stored[:len(prefix)+runBytes]), int64(entries)); err != nil {
			return err
		}
	}
	return iter.Error()
}

// History calls each for every entry of a key at or below asOf, newest first.
func (x *PebbleIndex) History(ctx context.Context, space Space, asOf uint64, key []byte, each func(e Entry) error) error {
	prefix, err := spacePrefix(space)
	if err == nil {
		err = x.history(ctx, append(prefix, key...), asOf, len(prefix), each)
	}
	if err != nil {
		return fmt.Errorf("read history in index of %s generation %d: %w", space.Pipeline, space.Generation, markCorruption(err))
	}
	return nil
}

func (x *PebbleIndex) history(ctx context.Context, full []byte, asOf uint64, prefix int, each func(e Entry) error) error {
	iter, err := x.iterator(ctx, full)
	if err != nil {
		return err
	}
	defer iter.Close()
	for ok := iter.SeekGE(appendRun(bytes.Clone(full), asOf)); ok; ok = iter.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		stored := iter.Key()
		if len(stored) != len(full)+runBytes {
			continue // a longer key; the given one is not complete
		}
		location, err := decodeLocation(iter.Value())
		if err == nil {
			err = each(Entry{Key: full[prefix:], Run: runOf(stored), Location: location})
		}
		if err != nil {
			return err
		}
	}
	return iter.Error()
}
