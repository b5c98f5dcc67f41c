// Checksums of a table's pages, which are checked when they are first read, and the verification of whole tables.

package dedupe

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/object"

	"github.com/zeebo/xxh3"
)

const (
	// A page is what the system reads of a mapped file at a time, so that a check reads no more than the lookup.
	pageBits = 12
	pageSize = 1 << pageBits
	sumSize  = 8
)

// pages are blocks and directory of a mapped table with their checksums, which were checked against the footer. It is for one goroutine at
// a time, as its table is.
type pages struct {
	body []byte
	sums []byte
	seen []uint64 // a bit for each page that was checked
}

// check checks the pages of size bytes from at on that were not checked before. size is at least 1.
func (p *pages) check(at, size uint64) error {
	last := (at + size - 1) >> pageBits
	for page := at >> pageBits; page <= last; page++ {
		if p.seen[page>>6]>>(page&63)&1 == 0 {
			if err := p.compare(page); err != nil {
				return err
			}
		}
	}
	return nil
}

// compared reports whether the page of the byte at a position was checked. It is small enough to be inlined.
func (p *pages) compared(at uint64) bool {
	return p.seen[at>>(pageBits+6)]>>(at>>pageBits&63)&1 != 0
}

func (p *pages) compare(page uint64) error {
	from := page << pageBits
	to := min(from+pageSize, uint64(len(p.body)))
	if xxh3.Hash(p.body[from:to]) != le.Uint64(p.sums[page*sumSize:]) {
		return fmt.Errorf("%w: checksum of bytes %d to %d differs", ErrCorrupt, from, to)
	}
	p.seen[page>>6] |= 1 << (page & 63)
	return nil
}

type pageSums struct {
	sums    []byte
	partial []byte // the beginning of a page that is not complete yet
}

func (s *pageSums) add(b []byte) {
	for len(b) > 0 {
		if len(s.partial) == 0 && len(b) >= pageSize {
			s.sums = le.AppendUint64(s.sums, xxh3.Hash(b[:pageSize]))
			b = b[pageSize:]
			continue
		}
		n := min(pageSize-len(s.partial), len(b))
		s.partial = append(s.partial, b[:n]...)
		if b = b[n:]; len(s.partial) == pageSize {
			s.end()
		}
	}
}

func (s *pageSums) end() {
	s.sums = le.AppendUint64(s.sums, xxh3.Hash(s.partial))
	s.partial = s.partial[:0]
}

// finish ends the last page and returns the checksums.
func (s *pageSums) finish() []byte {
	if len(s.partial) > 0 {
		s.end()
	}
	return s.sums
}

// Verify reads a whole table: its checksums, the order of its entries, and its directory. Faults are ErrCorrupt, wrapped.
func Verify(ctx context.Context, store object.Local, info TableInfo) error {
	t, err := openObject(ctx, store, info)
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
