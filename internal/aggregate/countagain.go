// What counts again: it was taken back with a statement that did not count, and does now.

package aggregate

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

	"bursar/internal/project"
)

// countsAgain is what may count again of a stream: rows by id.
type countsAgain map[string][]byte

func (c countsAgain) add(id string, line []byte) {
	if c[id] == nil {
		c[id] = bytes.Clone(line)
	}
}

// note keeps a row that a counting statement lists, if it may be stored by another id only, under which it does not count: an entry beside others
// that were taken back, a detail of one, a balance that was taken back itself.
func (l *relisted) note(stream string, of *relistedRow, line []byte) error {
	entry := of.ID
	switch stream {
	case project.BalanceStream:
		if id := l.countingID(of.ID); id != of.ID {
			l.again[stream].add(id, line)
			copy(l.again[stream][id][idAt:], id)
		}
		return nil
	case project.DetailStream:
		entry = of.Entry
	case project.StatementStream:
		return nil
	}
	var at digest
	if _, err := hex.Decode(at[:], []byte(entry)); err != nil {
		return fmt.Errorf("read id of entry %q: %w", entry, err)
	}
	if l.beside[at] {
		l.again[stream].add(of.ID, line)
	}
	return nil
}

// countingID is the id under which a balance counts, or does once it is stored: the first of its ids that is not taken back.
func (l *relisted) countingID(balance string) string {
	for l.takenBack[balance] {
		balance = againID(balance)
	}
	return balance
}

// accountsTakenBack are the accounts of which entries or balances are taken back.
func (r *reading) accountsTakenBack(ctx context.Context) (map[string]bool, error) {
	accounts := map[string]bool{}
	for _, stream := range []string{project.EntryStream, project.BalanceStream} {
		view, err := r.view(ctx, stream)
		if err != nil {
			return nil, err
		}
		if view == "" {
			continue
		}
		err = rowsOf(ctx, r.Duck, "SELECT DISTINCT account FROM ("+view+") WHERE takes_back IS NOT NULL", func(row []string) error {
			accounts[row[0]] = true
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read of which accounts something is taken back: %w", err)
		}
	}
	return accounts, nil
}

// balancesTakenBack are the ids of balances that are taken back.
func (r *reading) balancesTakenBack(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	view, err := r.view(ctx, project.BalanceStream)
	if err != nil || view == "" {
		return ids, err
	}
	err = rowsOf(ctx, r.Duck, "SELECT takes_back FROM ("+view+") WHERE takes_back IS NOT NULL", func(row []string) error {
		ids[row[0]] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read which balances are taken back: %w", err)
	}
	return ids, nil
}

// countAgain takes in what is not stored of the rows that may count again. What entries are matched by is there before they are.
func (r *reading) countAgain(ctx context.Context, l *relisted) error {
	for _, stream := range listedStreams {
		if stream == project.EntryStream && l.slots.rows > 0 && len(l.again[stream]) > 0 {
			if _, err := r.Take(ctx, project.NameStream, []string{l.slots.path}, l.slots.parts); err != nil {
				return fmt.Errorf("take %s in: %w", project.NameStream, err)
			}
		}
		if err := r.takeAgain(ctx, stream, l.again[stream]); err != nil {
			return fmt.Errorf("count %s again: %w", stream, err)
		}
	}
	return nil
}

func (r *reading) takeAgain(ctx context.Context, stream string, again countsAgain) error {
	ids := slices.Sorted(maps.Keys(again))
	if len(ids) == 0 {
		return nil
	}
	stored, err := r.Known(ctx, r.Project.Stream(stream), ids)
	if err != nil || len(stored) == len(ids) {
		return err
	}
	s := &slotFile{path: filepath.Join(r.dir, "again."+stream+".jsonl")}
	var rows []row
	for _, id := range ids {
		if _, known := stored[id]; known {
			continue
		}
		var of struct{ File string }
		if err := json.Unmarshal(again[id], &of); err != nil {
			return fmt.Errorf("read row again: %w", err)
		}
		s.name, rows = of.File, append(rows, again[id])
	}
	if err := errors.Join(os.RemoveAll(s.path), s.append(rows)); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	_, err = r.Take(ctx, stream, []string{s.path}, s.parts)
	return err
}
