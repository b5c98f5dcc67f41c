// Tables made at once: many of similar size become one, and all entries of a stream become a new index.

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
func Compact(ctx context.Context, store object.Store, scratch string, tables []TableInfo, name string, newer Newer) (_ TableInfo, err error) {
	if len(tables) == 0 {
		return TableInfo{}, fmt.Errorf("compact into %s: no tables", name)
	}
	merged := TableInfo{Name: name, FirstReceived: tables[0].FirstReceived, LastReceived: tables[0].LastReceived}
	var opened []*table
	defer func() { err = errors.Join(err, closeTables(opened)) }()
	for _, r := range tables {
		t, err := openObject(ctx, store, scratch, r)
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
func (r *Rebuild) Seal(ctx context.Context, store object.Store, name string) (TableInfo, error) {
	info, err := sealTable(ctx, store, r.levels.all(), TableInfo{Name: name, FirstReceived: r.first, LastReceived: r.last}, r.levels.newer)
	info.Replaced = r.added - info.Entries
	return info, err
}

// Close removes the scratch files.
func (r *Rebuild) Close() error { return r.levels.close() }
