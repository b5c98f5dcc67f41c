// Verification: checks everything that opening a table and looking up do not read.

package dedupe

import (
	"context"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"bursar/internal/object"
)

// Verify reads a whole table: its checksums, the order of its entries, and its directory. Faults are ErrCorrupt, wrapped.
func Verify(ctx context.Context, store object.Local, scratch string, info TableInfo) error {
	t, err := openObject(ctx, store, scratch, info)
	if err != nil {
		return err
	}
	if err := errors.Join(readMapped(t.verify), t.close()); err != nil {
		return fmt.Errorf("verify table %s: %w", info.Name, err)
	}
	return nil
}

// verify checks a mapped table against all of its checksums, and its structure.
func (t *table) verify() error {
	if err := t.verifyBody(); err != nil {
		return err
	}
	return t.verifyOrder()
}

// verifyBody checks every byte before the checksums.
func (t *table) verifyBody() error {
	if t.pages != nil {
		return t.pages.check(0, uint64(len(t.pages.body)))
	}
	h := xxh3.New()
	for _, b := range t.blocks {
		_, _ = h.Write(b) // a hash never fails
	}
	_, _ = h.Write(t.dir)
	if h.Sum64() != t.sum {
		return fmt.Errorf("%w: body checksum differs", ErrCorrupt)
	}
	return nil
}

// verifyOrder checks that entries ascend and that the directory contains the start of each bucket.
func (t *table) verifyOrder() error {
	var next uint64 // the first bucket not yet seen
	var last Entry
	for pos := range t.n {
		e := t.entry(pos)
		if pos > 0 && !last.before(&e) {
			return fmt.Errorf("%w: entry %d is not after the one before it", ErrCorrupt, pos)
		}
		if t.blocks[pos>>blockBits][pos&blockMask] != byte(e.Hi) {
			return fmt.Errorf("%w: entry %d has another mark", ErrCorrupt, pos)
		}
		for bucket := e.Hi >> (64 - t.dirBits); next <= bucket; next++ {
			if le.Uint32(t.dir[next*4:]) != pos {
				return fmt.Errorf("%w: bucket %d does not start at entry %d", ErrCorrupt, next, pos)
			}
		}
		last = e
	}
	for ; next <= 1<<t.dirBits; next++ {
		if le.Uint32(t.dir[next*4:]) != t.n {
			return fmt.Errorf("%w: bucket %d does not start at entry %d", ErrCorrupt, next, t.n)
		}
	}
	return nil
}
