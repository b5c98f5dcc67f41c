// Checksums of a table's pages: each page is checked when it is first read.

package dedupe

import (
	"fmt"

	"github.com/zeebo/xxh3"
)

const (
	// A page is what the system reads of a mapped file at a time, so that a check reads no more than the lookup.
	pageBits = 12
	pageSize = 1 << pageBits
	sumSize  = 8
)

// pages are blocks and directory of a mapped table with their checksums, which were checked against the footer. It is for one goroutine at a time, as its
// table is.
type pages struct {
	body []byte
	sums []byte
	seen []uint64 // a bit for each page that was checked
}

func newPages(body, sums []byte) *pages {
	return &pages{body: body, sums: sums, seen: make([]uint64, (len(sums)/sumSize+63)/64)}
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

// pageSums computes the page checksums of what is written.
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
