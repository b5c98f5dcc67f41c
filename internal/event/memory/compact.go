// Compaction: many runs of a similar size become one, so that a lookup asks few.

package memory

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
	// crowd is how many runs of one tier call for a merge; a tier reaches from one size to crowd times as much.
	crowd = 8
	// smallBits puts all runs below 4096 entries in the lowest tier.
	smallBits = 12
)

func (r *RunInfo) tier() int {
	return max(bits.Len64(uint64(r.Entries))-smallBits, 0) / bits.Len(crowd-1)
}

// Plan returns the runs to merge next, oldest first, or none: those of the lowest tier that has a crowd. The
// answer depends on the runs alone, not on their order.
func Plan(runs []RunInfo) []RunInfo {
	tiers := map[int][]RunInfo{}
	for _, r := range runs {
		tiers[r.tier()] = append(tiers[r.tier()], r)
	}
	var plan []RunInfo
	lowest := -1
	for tier, members := range tiers {
		if len(members) >= crowd && (lowest < 0 || tier < lowest) {
			lowest, plan = tier, members
		}
	}
	slices.SortFunc(plan, func(a, b RunInfo) int {
		return cmp.Or(cmp.Compare(a.FirstReceived, b.FirstReceived), cmp.Compare(a.Name, b.Name))
	})
	for len(plan) > crowd && sum(plan) > maxEntries {
		plan = plan[:len(plan)-1]
	}
	if sum(plan) > maxEntries {
		return nil
	}
	return plan
}

func sum(runs []RunInfo) int64 {
	var n int64
	for _, r := range runs {
		n += r.Entries
	}
	return n
}

// Compact merges runs into the object name, streaming, and returns its description; of an id that stands in
// several the newest entry is kept. The caller swaps the runs in the catalog, then deletes the old objects. The same runs
// make the same bytes (rule 5).
func Compact(ctx context.Context, store object.Store, scratch string, runs []RunInfo, name string, newer Newer) (_ RunInfo, err error) {
	if len(runs) == 0 {
		return RunInfo{}, fmt.Errorf("compact into %s: no runs", name)
	}
	merged := RunInfo{Name: name, FirstReceived: runs[0].FirstReceived, LastReceived: runs[0].LastReceived}
	var tables []*table
	defer func() {
		for _, t := range tables {
			err = errors.Join(err, t.close())
		}
	}()
	for _, r := range runs {
		t, err := openRun(ctx, store, scratch, r)
		if err != nil {
			return RunInfo{}, err
		}
		tables = append(tables, t)
		merged.FirstReceived = min(merged.FirstReceived, r.FirstReceived)
		merged.LastReceived = max(merged.LastReceived, r.LastReceived)
		merged.Replaced += r.Replaced
	}
	return sealRun(ctx, store, tables, merged, newer)
}
