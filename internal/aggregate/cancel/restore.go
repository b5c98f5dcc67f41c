// Restores what was cancelled together with a statement that did not count, and counts now.

package cancel

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rows"
	"bursar/internal/project"
)

// restorableRows are the rows of a stream that may have to be restored, by id.
type restorableRows map[string][]byte

func (c restorableRows) add(id string, line []byte) {
	if c[id] == nil {
		c[id] = bytes.Clone(line)
	}
}

// noteRestorable keeps a row of a counting statement if it may be stored only under an id that does not count: an entry whose
// base has cancelled entries, a detail of one, or a balance that was cancelled itself.
func (l *relisting) noteRestorable(stream string, listed *relistedRow, line []byte) error {
	entry := listed.ID
	switch stream {
	case project.BalanceStream:
		if id := l.countingBalanceID(listed.ID); id != listed.ID {
			l.restorable[stream].add(id, line)
			copy(l.restorable[stream][id][rows.IDAt:], id)
		}
		return nil
	case project.DetailStream:
		entry = listed.Entry
	case project.StatementStream:
		return nil
	}
	var at identity.Digest
	if _, err := hex.Decode(at[:], []byte(entry)); err != nil {
		return fmt.Errorf("read id of entry %q: %w", entry, err)
	}
	if l.siblings[at] {
		l.restorable[stream].add(listed.ID, line)
	}
	return nil
}

// countingBalanceID is the id under which a balance counts, or will count once it is stored: the first of its ids that is not cancelled.
func (l *relisting) countingBalanceID(balance string) string {
	for l.cancelledBalances[balance] {
		balance = identity.RestoredID(balance)
	}
	return balance
}

func (r *Adjustment) cancelledAccounts(ctx context.Context) (map[string]bool, error) {
	accounts := map[string]bool{}
	for _, stream := range []string{project.EntryStream, project.BalanceStream} {
		err := r.Select(ctx, stream, "SELECT DISTINCT account FROM stored WHERE takes_back IS NOT NULL", func(row []string) { accounts[row[0]] = true })
		if err != nil {
			return nil, fmt.Errorf("read of which accounts something is taken back: %w", err)
		}
	}
	return accounts, nil
}

// CancelledBalances are the ids of balances that were cancelled.
func (r *Adjustment) CancelledBalances(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	err := r.Select(ctx, project.BalanceStream, "SELECT takes_back FROM stored WHERE takes_back IS NOT NULL", func(row []string) { ids[row[0]] = true })
	if err != nil {
		return nil, fmt.Errorf("read which balances are taken back: %w", err)
	}
	return ids, nil
}

// restoreRows ingests those of the restorable rows that are not stored. Slots are ingested before their entries.
func (r *Adjustment) restoreRows(ctx context.Context, l *relisting) error {
	for _, stream := range listedStreams {
		if stream == project.EntryStream && len(l.restorable[stream]) > 0 {
			if _, err := l.slots.Ingest(ctx, project.NameStream, r.Ingest); err != nil {
				return err
			}
		}
		if err := r.restoreStream(ctx, stream, l.restorable[stream]); err != nil {
			return fmt.Errorf("count %s again: %w", stream, err)
		}
	}
	return nil
}

func (r *Adjustment) restoreStream(ctx context.Context, stream string, again restorableRows) error {
	ids := slices.Sorted(maps.Keys(again))
	if len(ids) == 0 {
		return nil
	}
	stored, err := r.FindIDs(ctx, r.Project.Stream(stream), ids)
	if err != nil || len(stored) == len(ids) {
		return err
	}
	s := &rows.File{Path: filepath.Join(r.Dir, "again."+stream+".jsonl")}
	var rows []rows.Row
	for _, id := range ids {
		if _, known := stored[id]; known {
			continue
		}
		var parsed struct{ File string }
		if err := json.Unmarshal(again[id], &parsed); err != nil {
			return fmt.Errorf("read row again: %w", err)
		}
		s.Name, rows = parsed.File, append(rows, again[id])
	}
	if err := errors.Join(os.RemoveAll(s.Path), s.Append(rows)); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	_, err = r.Ingest(ctx, stream, []string{s.Path}, s.Parts)
	return err
}
