// Checks the segments of a batch against each other and against the tables.

package dedupe

import (
	"errors"
	"fmt"
	"slices"
)

// segmentLimit is how many entries are sorted at a time, so that they stay in the processor's cache.
const segmentLimit = 1 << 18

// Batch decides on the entries of one batch. The index does not see them.
type Batch struct {
	index  *Index
	window Window
	levels levels
	sorter sorter

	// The current segment: its distinct ids, sorted, with the index of the first arrival; where and how each was found before, if it was; and the later
	// arrivals of the same ids.
	probes  []Entry
	arrival []uint32
	found   []finding
	before  []seenEntry
	repeats []repeat
}

// finding says where an id was found. A batch's own entry is newer than that of any table.
type finding uint8

const (
	unknown finding = iota
	inTable
	inBatch
)

// seenEntry is the entry that a later one is compared with.
type seenEntry struct {
	content uint64
	place   Place
}

func (e seenEntry) verdictFor(later *Entry) Verdict {
	if e.content == later.Content {
		return Verdict{Duplicate, e.place}
	}
	return Verdict{Conflict, e.place}
}

// repeat is an arrival whose id came earlier in the same segment.
type repeat struct {
	arrival, probe uint32
}

// Begin starts a batch. limit bounds the bytes of entries in memory; beyond it, and beyond 1 MiB, they go to scratch files. Close the batch, sealed or
// not, before the next begins.
func (x *Index) Begin(window Window, limit int64) (*Batch, error) {
	if x.batch != nil {
		return nil, errors.New("begin batch: another one is open")
	}
	if !window.Since.IsZero() && window.ReceivedAt == nil {
		return nil, errors.New("begin batch: the window has no ReceivedAt")
	}
	x.batch = &Batch{index: x, window: window, levels: levels{scratch: x.scratch, limit: limit}}
	return x.batch, nil
}

// Len returns the number of entries kept: those that were New.
func (b *Batch) Len() int64 { return int64(total(b.levels.all())) }

// Close drops the batch and its scratch files.
func (b *Batch) Close() error {
	if b.index.batch == b {
		b.index.batch = nil
	}
	return b.levels.close()
}

// Check decides on the entries of a segment, in order of arrival, and keeps those that are New. Entries must be acceptable otherwise: rows that are
// rejected elsewhere must not enter the index. verdicts must be as long as segment. After an error the batch can only be closed.
func (b *Batch) Check(segment []Entry, verdicts []Verdict) error {
	if len(verdicts) != len(segment) {
		return fmt.Errorf("check segment: %d verdicts for %d entries", len(verdicts), len(segment))
	}
	for len(segment) > 0 {
		n := min(len(segment), segmentLimit)
		if err := b.check(segment[:n], verdicts[:n]); err != nil {
			return fmt.Errorf("check segment: %w", err)
		}
		segment, verdicts = segment[n:], verdicts[n:]
	}
	return nil
}

// Knows reports whether the entry's id was seen before. It keeps nothing.
func (b *Batch) Knows(e Entry) (bool, error) {
	if err := b.find([]Entry{e}); err != nil {
		return false, fmt.Errorf("look for an id: %w", err)
	}
	return b.found[0] != unknown, nil
}

// find looks up a segment.
func (b *Batch) find(segment []Entry) error {
	b.collectProbes(segment)
	if err := b.findInBatch(); err != nil {
		return err
	}
	return readMapped(b.findInTables)
}

func (b *Batch) check(segment []Entry, verdicts []Verdict) error {
	if err := b.find(segment); err != nil {
		return err
	}
	return b.addNew(b.decide(segment, verdicts))
}

// collectProbes sorts the segment into probes and repeats.
func (b *Batch) collectProbes(segment []Entry) {
	keys, mask := b.sorter.sort(segment)
	n := len(segment)
	b.probes = slices.Grow(b.probes[:0], n)[:n]
	b.arrival = slices.Grow(b.arrival[:0], n)[:n]
	b.repeats = b.repeats[:0]
	last := -1
	for _, key := range keys {
		i := uint32(key & mask)
		e := &segment[i]
		if last >= 0 && e.Hi == b.probes[last].Hi && e.Lo == b.probes[last].Lo {
			b.repeats = append(b.repeats, repeat{i, uint32(last)})
			continue
		}
		last++
		b.probes[last], b.arrival[last] = *e, i
	}
	b.probes, b.arrival = b.probes[:last+1], b.arrival[:last+1]
	b.before = slices.Grow(b.before[:0], last+1)[:last+1]
	b.found = slices.Grow(b.found[:0], last+1)[:last+1]
	clear(b.found)
}

// decide writes the verdicts and returns the number of new ids.
func (b *Batch) decide(segment []Entry, verdicts []Verdict) int {
	clear(verdicts)
	fresh := 0
	for i, f := range b.found {
		if f == unknown {
			fresh++
			continue
		}
		at := b.arrival[i]
		verdicts[at] = b.before[i].verdictFor(&segment[at])
	}
	for _, r := range b.repeats {
		before := seenEntry{b.probes[r.probe].Content, b.probes[r.probe].Place}
		if b.found[r.probe] != unknown {
			before = b.before[r.probe]
		}
		verdicts[r.arrival] = before.verdictFor(&segment[r.arrival])
	}
	return fresh
}

// addNew makes a table of the new ids.
func (b *Batch) addNew(fresh int) error {
	if fresh == 0 {
		return nil
	}
	return b.levels.build(uint64(fresh), func(to *builder) error {
		for i := range b.probes {
			if b.found[i] != unknown {
				continue
			}
			if err := to.add(&b.probes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
