// Compaction: many tables of similar size become one, so that a lookup reads few tables.

package dedupe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"

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
func Compact(ctx context.Context, store object.Local, scratch string, tables []TableInfo, name string, newer Newer) (_ TableInfo, err error) {
	if len(tables) == 0 {
		return TableInfo{}, fmt.Errorf("compact into %s: no tables", name)
	}
	merged := TableInfo{Name: name, FirstReceived: tables[0].FirstReceived, LastReceived: tables[0].LastReceived}
	var opened []*table
	defer func() {
		for _, t := range opened {
			err = errors.Join(err, t.close())
		}
	}()
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
