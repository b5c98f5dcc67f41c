// Probing: where the ids of a segment were seen before, within the window.

package dedupe

import (
	"fmt"
	"time"
)

// Window says how far back the index reaches. The zero Window is for ever.
type Window struct {
	// Since is the start of the window: ids received before it are not remembered.
	Since time.Time
	// ReceivedAt returns the time a place was received. It is asked about single entries of tables that lie on both
	// sides of Since, and required unless Since is zero.
	ReceivedAt func(Place) (time.Time, error)
	// Forgotten reports places whose entries do not count, as if they were not there; nil is none.
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

// findInTables looks every probe up in every table within the window: an id may stand in several, when it was
// accepted again after a window, and its newest entry counts, as in merges.
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

// within says how a table stands to a window that begins at since: all outside, all inside, or neither.
func (r *TableInfo) within(since time.Time) (outside, inside bool) {
	if since.IsZero() {
		return false, true
	}
	return r.LastReceived < since.Unix(), r.FirstReceived > since.Unix()
}
