// Looks up where the ids of a segment were seen before, within the window.

package dedupe

import (
	"fmt"
	"time"
)

// Window says how far back the index reaches. The zero Window is forever.
type Window struct {
	// Since is the start of the window: ids received before it do not count.
	Since time.Time
	// ReceivedAt returns when a place was received. It is called for single entries of tables that lie on both sides of Since, and required unless Since is
	// zero.
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

// findInTables looks up every probe in every table within the window. If several contain an id that was accepted again after a window, its newest entry
// counts, as in merges.
func (b *Batch) findInTables() error {
	since := b.window.Since
	for _, r := range b.index.tables {
		outside, inside := r.info.within(since)
		if outside {
			continue
		}
		err := r.table.find(b.probes, func(i int, e Entry) error {
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
			return fmt.Errorf("look in table %s: %w", r.info.Name, err)
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
