// Entry, place and verdict: the input and output of a check; and the order of a segment's entries.

// Package dedupe is a stream's dedupe index: which ids the stream has accepted, exactly, forever or within a window of receipt time.
//
// It owns the tables: immutable objects of entries sorted by id, merged in tiers as their number grows. It guarantees that an id is New once and
// afterwards a Duplicate or a Conflict (rule 1), that a verdict depends only on the ids and their order of arrival and not on how they were
// divided into segments, tables or merges (rule 6), and that the same entries make the same bytes (rule 5). Whatever a lookup or a merge reads
// of a table is checked against a checksum; a table that is missing, damaged or not the one in the catalog is ErrCorrupt. Memory is bounded: a
// batch beyond its limit goes to scratch files.
//
// It does not decide what counts: the caller records a sealed table in the catalog together with the batch, and a table that is not in the
// catalog does not exist. The package knows digests and places, never events.
package dedupe

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

const (
	rowBits = 40
	// MaxFile is the largest file number a Place holds.
	MaxFile = 1<<(64-rowBits) - 1
	// MaxRow is the largest row number a Place holds.
	MaxRow = 1<<rowBits - 1
)

// Place says where an event came from: file number << 40 | row. File numbers are per stream and grow with receipt, so the greater of two
// places is the newer; the catalog resolves them to batch and file name.
type Place uint64

// PlaceOf packs a file number and a row. It fails if either does not fit.
func PlaceOf(file, row uint64) (Place, error) {
	if file > MaxFile || row > MaxRow {
		return 0, fmt.Errorf("pack place: file %d, row %d beyond the limits %d and %d", file, row, MaxFile, int64(MaxRow))
	}
	return Place(file<<rowBits | row), nil
}

// File returns the number of the file within the stream.
func (p Place) File() uint64 { return uint64(p) >> rowBits }

// Row returns the row within the file.
func (p Place) Row() uint64 { return uint64(p) & MaxRow }

// Entry is one event in the index. Hi and Lo are a 128-bit digest of its id, evenly distributed; Content is a 64-bit digest of all its typed columns.
type Entry struct {
	Hi, Lo  uint64
	Content uint64
	Place   Place
}

func (e *Entry) sameID(o *Entry) bool { return e.Hi == o.Hi && e.Lo == o.Lo }

// before orders entries by id.
func (e *Entry) before(o *Entry) bool { return e.Hi < o.Hi || e.Hi == o.Hi && e.Lo < o.Lo }

// Kind is the kind of a verdict.
type Kind uint8

const (
	// New says that the id was not seen before; the entry is kept.
	New Kind = iota
	// Duplicate says that the id was seen with equal content.
	Duplicate
	// Conflict says that the id was seen with different content.
	Conflict
)

// Verdict is the result for one entry. First is the place of the entry that was seen before; 0 for New.
type Verdict struct {
	Kind  Kind
	First Place
}

const (
	radixBits = 11
	radixSize = 1 << radixBits
	radixMask = radixSize - 1
)

// sorter sorts a segment. A key is the top bits of Hi with the index of the entry in place of the bottom bits, so that eight bytes are
// moved per entry and comparing keys is stable.
type sorter struct {
	keys, spare []uint64
}

// sort returns the order of the segment by (Hi, Lo, arrival) as keys, and the mask that extracts the index from a key.
func (s *sorter) sort(segment []Entry) (keys []uint64, mask uint64) {
	n := len(segment)
	mask = 1<<bits.Len(uint(max(n-1, 0))) - 1
	s.keys, s.spare = slices.Grow(s.keys[:0], n)[:n], slices.Grow(s.spare[:0], n)[:n]
	var low, high [radixSize]uint32
	for i := range segment {
		hi := segment[i].Hi
		s.keys[i] = hi&^mask | uint64(i)
		low[hi>>(64-2*radixBits)&radixMask]++
		high[hi>>(64-radixBits)]++
	}
	scatter(s.spare, s.keys, &low, 64-2*radixBits)
	scatter(s.keys, s.spare, &high, 64-radixBits)
	exchange(s.keys)
	s.sortTies(segment, s.keys, mask)
	return s.keys, mask
}

// scatter moves keys from one slice to another by the radix digit at shift, whose counts are given, keeping equal digits in order.
func scatter(to, from []uint64, counts *[radixSize]uint32, shift uint) {
	var sum uint32
	for i, c := range counts {
		counts[i] = sum
		sum += c
	}
	for _, k := range from {
		d := k >> shift & radixMask
		to[counts[d]] = k
		counts[d]++
	}
}

// exchange finishes keys that are sorted by their top bits, by exchanging neighbours, unless too many share them.
func exchange(keys []uint64) {
	const maxShift = 32
	for i := 1; i < len(keys); i++ {
		k := keys[i]
		if keys[i-1] <= k {
			continue
		}
		j := i
		for ; j > 0 && keys[j-1] > k; j-- {
			if i-j == maxShift {
				keys[j] = k
				slices.Sort(keys)
				return
			}
			keys[j] = keys[j-1]
		}
		keys[j] = k
	}
}

// sortTies orders entries whose keys differ only by arrival: equal ids, or ids with equal top bits.
func (s *sorter) sortTies(segment []Entry, keys []uint64, mask uint64) {
	for i := 0; i < len(keys); {
		j := i + 1
		for j < len(keys) && keys[j]&^mask == keys[i]&^mask {
			j++
		}
		if j-i > 1 {
			slices.SortFunc(keys[i:j], func(a, b uint64) int {
				x, y := &segment[a&mask], &segment[b&mask]
				return cmp.Or(cmp.Compare(x.Hi, y.Hi), cmp.Compare(x.Lo, y.Lo), cmp.Compare(a, b))
			})
		}
		i = j
	}
}
