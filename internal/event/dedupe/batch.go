// A batch checks its segments against each other and against the tables within the window, and becomes one table.

package dedupe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bursar/internal/object"
)

// segmentLimit is how many entries are sorted at a time, so that they stay in the processor's cache.
const segmentLimit = 1 << 18

// Batch decides on the entries of one batch. The index does not see them.
type Batch struct {
	index  *Index
	window Window
	levels levels
	sorter sorter

	// The current segment: its distinct ids, sorted, with the index of the first arrival; where and how each was found before, if it was;
	// and the later arrivals of the same ids.
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

// Begin starts a batch. limit bounds the bytes of entries in memory; beyond it, and beyond 1 MiB, they go to scratch files. Close the
// batch, sealed or not, before the next begins.
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
		err := b.find(segment[:n])
		if err == nil {
			err = b.addNew(b.decide(segment[:n], verdicts[:n]))
		}
		if err != nil {
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

func (b *Batch) find(segment []Entry) error {
	b.collectProbes(segment)
	if err := b.findInBatch(); err != nil {
		return err
	}
	return readMapped(b.findInTables)
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

// Window says how far back the index reaches. The zero Window is forever.
type Window struct {
	// Since is the start of the window: ids received before it do not count.
	Since time.Time
	// ReceivedAt returns when a place was received. It is called for single entries of tables that lie on both sides of Since, and
	// required unless Since is zero.
	ReceivedAt func(Place) (time.Time, error)
	// Excluded reports places whose entries do not count; nil excludes nothing.
	Excluded func(Place) bool
}

func (b *Batch) findInBatch() error {
	for _, t := range b.levels.all() {
		err := t.find(b.probes, func(i int, e Entry) error {
			b.found[i], b.before[i] = inBatch, seenEntry{e.Content, e.Place}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look in the batch: %w", err)
		}
	}
	return nil
}

// findInTables looks up every probe in every table within the window. If several contain an id that was accepted again after a window, its
// newest entry counts, as in merges.
func (b *Batch) findInTables() error {
	since := b.window.Since
	for _, t := range b.index.tables {
		outside, inside := t.info.within(since)
		if outside {
			continue
		}
		err := t.find(b.probes, func(i int, e Entry) error {
			if b.found[i] == inBatch || b.found[i] == inTable && b.before[i].place >= e.Place {
				return nil
			}
			if b.window.Excluded != nil && b.window.Excluded(e.Place) {
				return nil
			}
			if !inside {
				at, err := b.window.ReceivedAt(e.Place)
				if err != nil || at.Before(since) {
					return err
				}
			}
			b.found[i], b.before[i] = inTable, seenEntry{e.Content, e.Place}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look in table %s: %w", t.info.Name, err)
		}
	}
	return nil
}

// within reports whether a table is completely outside or inside a window that begins at since; neither if it lies on both sides.
func (r *TableInfo) within(since time.Time) (outside, inside bool) {
	if since.IsZero() {
		return false, true
	}
	return r.LastReceived < since.Unix(), r.FirstReceived > since.Unix()
}

// Seal writes the kept entries, received at the given time, as a table object. The table counts once the caller has recorded it in the
// catalog. Sealing again writes the same bytes (rule 5); a batch without entries makes an empty table.
func (b *Batch) Seal(ctx context.Context, name string, received time.Time) (TableInfo, error) {
	at := received.Unix()
	return sealTable(ctx, b.index.store, b.levels.all(), TableInfo{Name: name, FirstReceived: at, LastReceived: at}, nil)
}

// sealTable merges tables into the object info.Name and returns its completed description.
func sealTable(ctx context.Context, store object.Local, tables []*table, info TableInfo, newer Newer) (TableInfo, error) {
	w, err := store.Create(ctx, info.Name)
	if err != nil {
		return TableInfo{}, fmt.Errorf("create table %s: %w", info.Name, err)
	}
	if err := readMapped(func() error { return writeTable(w, tables, &info, newer) }); err != nil {
		return TableInfo{}, errors.Join(fmt.Errorf("write table %s: %w", info.Name, err), w.Abort())
	}
	if err := w.Commit(); err != nil {
		return TableInfo{}, errors.Join(fmt.Errorf("commit table %s: %w", info.Name, err), w.Abort())
	}
	return info, nil
}
