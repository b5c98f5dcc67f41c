// Entry, place and verdict: the input and output of a check.

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
	"fmt"
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
