// Adds the cut names of entries that an earlier version imported without them.

package match

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// cutKnown exists once all stored entries have their cut names.
const cutKnown = "statements/cut-known"

// searchCut adds cut names for all stored entries, once in the life of a project.
func (s *Names) searchCut(ctx context.Context) error {
	return s.searchOnce(ctx, cutKnown, "stored entries", s.writeCut)
}

// searchOnce writes rows for the stream of names, derived from stored events, and records under a key that they exist.
func (s *Names) searchOnce(ctx context.Context, key, name string, write func(ctx context.Context, to *bufio.Writer) (written int64, err error)) error {
	searched := false
	err := s.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		searched, err = tx.Get(key, new(bool))
		return err
	})
	if err != nil || searched {
		return err
	}
	f := &rows.File{Path: filepath.Join(s.Dir, "search."+project.NameStream+".jsonl"), Name: name}
	err = rows.WriteFile(f.Path, func(to *bufio.Writer) (err error) {
		f.Rows, err = write(ctx, to)
		return err
	})
	if err != nil {
		return fmt.Errorf("search %s: %w", name, err)
	}
	if _, err := f.Ingest(ctx, project.NameStream, s.Ingest); err != nil {
		return err
	}
	return s.Catalog.Update(ctx, func(tx catalog.Tx) error { return tx.Put(key, true) })
}

// cutSQL selects the entries, sorted by group, each with whether an MT message listed it. References of other formats are never cut.
const cutSQL = `WITH formats AS (SELECT DISTINCT object, file, starts_with(format, 'mt') AS mt FROM (%s) WHERE starts_with(format, 'mt') OR starts_with(format, 'camt'))
SELECT kind, servicer, account, CAST(amount AS VARCHAR), currency, status, CAST(reversal AS VARCHAR), reference, id, CAST(day AS VARCHAR), CAST(value_day AS VARCHAR), CAST(mt AS VARCHAR)
FROM (%s) JOIN formats USING (object, file) WHERE length(reference) >= %d AND takes_back IS NULL
ORDER BY kind, servicer, account, amount, currency, status, reversal, left(reference, %d), id, mt`

// writeCut writes the rows for the stream of names.
func (s *Names) writeCut(ctx context.Context, to *bufio.Writer) (written int64, err error) {
	entries, err := s.View(ctx, project.EntryStream)
	if err != nil || entries == "" {
		return 0, err
	}
	statements, err := s.View(ctx, project.StatementStream)
	if err != nil || statements == "" {
		return 0, err
	}
	var group identity.Digest
	var found *cutEntries
	err = imported.Query(ctx, s.Duck, fmt.Sprintf(cutSQL, statements, entries, rows.CutLength, rows.CutLength-1), func(row []string) error {
		n := rows.NamedEntry{Day: row[9]}
		var begins string
		if n.Cut, begins = rows.CutNameOf(row[7], row[11] == "true", row[9], row[10], row[9]); begins == "" {
			return nil
		}
		n.Group = rows.GroupOf(row[0], row[1], row[2], row[3], row[4], row[5], row[6], begins)
		if n.Group != group {
			group, found = n.Group, newCutEntries()
		}
		return found.addName(&n, identity.Decode([]byte(row[8]), 0), func(n *rows.NamedEntry, id, slot identity.Digest) error {
			written++
			_, err := to.Write(slotRow(n, id, slot, nil))
			return err
		})
	})
	return written, err
}
