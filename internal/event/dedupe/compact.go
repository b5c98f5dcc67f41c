// Tables that become others: those of a batch as they become many or large, those of a stream of similar size, and all of it in a rebuild.

package dedupe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"bursar/internal/object"
)

const (
	// mergeThreshold is how many tables of one tier are merged. The largest table of a tier has up to so many times the entries of the smallest.
	mergeThreshold = 8
	// smallBits puts all tables below 4096 entries in the lowest tier.
	smallBits = 12
)

func (r *TableInfo) tier() int {
	return max(bits.Len64(uint64(r.Entries))-smallBits, 0) / bits.Len(mergeThreshold-1)
}

// Plan returns the tables to merge next, oldest first, or none: those of the lowest tier that has mergeThreshold of them. The result depends on the
// tables only, not on their order.
func Plan(tables []TableInfo) []TableInfo {
	tiers := map[int][]TableInfo{}
	for _, r := range tables {
		tiers[r.tier()] = append(tiers[r.tier()], r)
	}
	var plan []TableInfo
	lowest := -1
	for tier, members := range tiers {
		if len(members) >= mergeThreshold && (lowest < 0 || tier < lowest) {
			lowest, plan = tier, members
		}
	}
	slices.SortFunc(plan, func(a, b TableInfo) int {
		return cmp.Or(cmp.Compare(a.FirstReceived, b.FirstReceived), cmp.Compare(a.Name, b.Name))
	})
	for len(plan) > mergeThreshold && sum(plan) > maxEntries {
		plan = plan[:len(plan)-1]
	}
	if sum(plan) > maxEntries {
		return nil
	}
	return plan
}

func sum(tables []TableInfo) int64 {
	var n int64
	for _, r := range tables {
		n += r.Entries
	}
	return n
}

// Compact merges tables into the object name, streaming, and returns its description. Of entries with one id it keeps the newest. The caller switches
// the tables in the catalog, then deletes the old objects. The same tables make the same bytes (rule 5).
func Compact(ctx context.Context, store object.Local, tables []TableInfo, name string, newer Newer) (_ TableInfo, err error) {
	if len(tables) == 0 {
		return TableInfo{}, fmt.Errorf("compact into %s: no tables", name)
	}
	merged := TableInfo{Name: name, FirstReceived: tables[0].FirstReceived, LastReceived: tables[0].LastReceived}
	var opened []*table
	defer func() { err = errors.Join(err, closeTables(opened)) }()
	for _, r := range tables {
		t, err := openObject(ctx, store, r)
		if err != nil {
			return TableInfo{}, err
		}
		opened = append(opened, t)
		merged.FirstReceived = min(merged.FirstReceived, r.FirstReceived)
		merged.LastReceived = max(merged.LastReceived, r.LastReceived)
		merged.Replaced += r.Replaced
	}
	return sealTable(ctx, store, opened, merged, newer)
}

// Rebuild collects the entries of one table. Its memory is bounded like that of a Batch. Of entries with one id the newest is kept, as in merges.
type Rebuild struct {
	levels      levels
	sorter      sorter
	added       int64
	first, last int64
}

// NewRebuild starts a rebuild. Close it, sealed or not.
func NewRebuild(scratch string, limit int64, newer Newer) *Rebuild {
	return &Rebuild{levels: levels{scratch: scratch, limit: limit, newer: newer}}
}

// Add adds entries that were received at a time.
func (r *Rebuild) Add(entries []Entry, received time.Time) error {
	if len(entries) == 0 {
		return nil
	}
	at := received.Unix()
	if r.added == 0 {
		r.first, r.last = at, at
	}
	r.first, r.last = min(r.first, at), max(r.last, at)
	r.added += int64(len(entries))
	for segment := range slices.Chunk(entries, segmentLimit) {
		if err := r.add(segment); err != nil {
			return fmt.Errorf("add entries: %w", err)
		}
	}
	return nil
}

func (r *Rebuild) add(segment []Entry) error {
	keys, mask := r.sorter.sort(segment)
	n := 0 // positions of the newest entries of each id replace the keys
	for _, key := range keys {
		e := &segment[key&mask]
		if n > 0 && segment[keys[n-1]].sameID(e) {
			newer, err := r.levels.newer.isNewer(e.Place, segment[keys[n-1]].Place)
			if err != nil {
				return err
			}
			if newer {
				keys[n-1] = key & mask
			}
			continue
		}
		keys[n] = key & mask
		n++
	}
	return r.levels.build(uint64(n), func(to *builder) error {
		for _, i := range keys[:n] {
			if err := to.add(&segment[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Seal writes the table as an object. It counts once the caller has recorded it in the catalog.
func (r *Rebuild) Seal(ctx context.Context, store object.Local, name string) (TableInfo, error) {
	info, err := sealTable(ctx, store, r.levels.all(), TableInfo{Name: name, FirstReceived: r.first, LastReceived: r.last}, r.levels.newer)
	info.Replaced = r.added - info.Entries
	return info, err
}

// Close removes the scratch files.
func (r *Rebuild) Close() error { return r.levels.close() }

// fanIn is how many tables of one level are merged into one of the next.
const fanIn = 8

// levels contains the tables of a batch; ids are unique over all of them. Tables in memory are merged to keep lookups few, block by block,
// so that a merge needs no second copy; beyond the limit all go to one scratch file.
type levels struct {
	scratch  string
	limit    int64
	newer    Newer    // chooses between entries with one id
	inMemory []*table // by descending level
	spilled  []*table
	blocks   [][]byte // full-size blocks to be reused
}

func (l *levels) all() []*table {
	return append(l.spilled[:len(l.spilled):len(l.spilled)], l.inMemory...)
}

// build adds a table of exactly n entries, which fill adds in order. It merges or spills excess tables only now, since the last table of a
// batch needs neither.
func (l *levels) build(n uint64, fill func(*builder) error) error {
	if size := int64(total(l.inMemory)+n) * entrySize; len(l.inMemory) > 0 && size > max(l.limit, blockSize) {
		if err := l.spill(); err != nil {
			return err
		}
	}
	for n := len(l.inMemory); n >= fanIn && l.inMemory[n-fanIn].level == l.inMemory[n-1].level; n = len(l.inMemory) {
		if err := l.merge(); err != nil {
			return err
		}
	}
	t, err := l.table(n, fill)
	if err != nil {
		return err
	}
	l.inMemory = append(l.inMemory, t)
	return nil
}

func (l *levels) merge() error {
	at := len(l.inMemory) - fanIn
	tables := l.inMemory[at:]
	t, err := l.table(total(tables), newMerger(tables, l.newer, l.recycle).writeTo)
	if err != nil {
		return err
	}
	t.level = tables[0].level + 1
	l.inMemory = append(l.inMemory[:at], t)
	return nil
}

func (l *levels) table(n uint64, fill func(*builder) error) (*table, error) {
	t := &table{}
	b, err := newBuilder(n, l.alloc, func(block []byte, _ int) error {
		t.blocks = append(t.blocks, block)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(fill(b), b.finish()); err != nil {
		return nil, err
	}
	t.n, t.dirBits, t.dir = uint32(b.n), b.dirBits, b.dir
	return t, nil
}

func (l *levels) alloc(size int) []byte {
	if n := len(l.blocks); n > 0 && size == blockSize {
		b := l.blocks[n-1]
		l.blocks = l.blocks[:n-1]
		return b
	}
	return make([]byte, size)
}

func (l *levels) recycle(block []byte) {
	if len(block) == blockSize {
		l.blocks = append(l.blocks, block)
	}
}

// spill moves the tables in memory to one scratch file, and merges spilled tables when there are many.
func (l *levels) spill() error {
	t, err := l.toFile(l.inMemory)
	if err != nil {
		return err
	}
	for _, m := range l.inMemory {
		for _, block := range m.blocks {
			l.recycle(block)
		}
	}
	l.inMemory = nil
	l.spilled = append(l.spilled, t)
	for n := len(l.spilled); n >= fanIn && l.spilled[n-fanIn].level == t.level; n = len(l.spilled) {
		many := l.spilled[n-fanIn:]
		level := t.level + 1
		if t, err = l.toFile(many); err != nil {
			return err
		}
		t.level = level
		err = closeTables(many)
		if l.spilled = append(l.spilled[:n-fanIn], t); err != nil {
			return err
		}
	}
	return nil
}

func (l *levels) toFile(tables []*table) (*table, error) {
	file, err := scratchFile(l.scratch)
	if err != nil {
		return nil, err
	}
	if err := writeTable(file, tables, &TableInfo{}, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("spill batch: %w", err), file.Close())
	}
	t, _, err := openTable(file)
	if err != nil {
		return nil, fmt.Errorf("reopen spilled batch: %w", err)
	}
	return t, nil
}

func (l *levels) close() error {
	err := closeTables(l.spilled)
	l.inMemory, l.spilled, l.blocks = nil, nil, nil
	return err
}
