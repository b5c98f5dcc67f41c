// Rebuilds a whole index: entries in any order become one table.

package dedupe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/object"
)

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

// add makes a table of a segment.
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
