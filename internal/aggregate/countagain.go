// Entries that count again: they were taken back with a statement that did not count, and does now.

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

// note keeps an entry that a counting statement lists beside others that were taken back: it may be stored by another id only, under which it does
// not count.
func (l *relisted) note(id string, line []byte) error {
	var at digest
	if _, err := hex.Decode(at[:], []byte(id)); err != nil {
		return fmt.Errorf("read id of entry %q: %w", id, err)
	}
	if l.beside[at] && l.again[id] == nil {
		l.again[id] = bytes.Clone(line)
	}
	return nil
}

// countAgain takes in the entries of those that are not stored. What they are matched by is there before they are.
func (r *reading) countAgain(ctx context.Context, l *relisted) error {
	ids := slices.Sorted(maps.Keys(l.again))
	stored, err := r.Known(ctx, r.Project.Stream(project.EntryStream), ids)
	if err != nil || len(stored) == len(ids) {
		return err
	}
	s := &slotFile{path: filepath.Join(r.dir, "again."+project.EntryStream+".jsonl")}
	var rows []row
	for _, id := range ids {
		line := l.again[id]
		if _, known := stored[id]; known {
			continue
		}
		var of struct{ File string }
		if err := json.Unmarshal(line, &of); err != nil {
			return fmt.Errorf("read entry again: %w", err)
		}
		s.name, rows = of.File, append(rows, line)
	}
	if err := errors.Join(os.RemoveAll(s.path), s.append(rows)); err != nil {
		return fmt.Errorf("spool rows: %w", err)
	}
	if l.slots.rows > 0 {
		if _, err := r.Take(ctx, project.NameStream, []string{l.slots.path}, l.slots.parts); err != nil {
			return fmt.Errorf("take %s in: %w", project.NameStream, err)
		}
	}
	if _, err := r.Take(ctx, project.EntryStream, []string{s.path}, s.parts); err != nil {
		return fmt.Errorf("count entries again: %w", err)
	}
	return nil
}
