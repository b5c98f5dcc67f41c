// Matches entries with those of which one of the two has a cut reference, and adds the cut names of entries that an
// earlier version imported.

package match

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/project"
)

// cutEntries are the entries of a group by their cut names: stored ones, and those found so far.
type cutEntries struct {
	names    map[identity.Digest][]rows.CutName
	replaced map[identity.Digest]bool    // entries that were cancelled or belong to a file that is read again
	count    map[identity.Digest]int     // number of slots of each key
	found    map[cutAt][]identity.Digest // sorted
}

// cutAt is a key with the form of the names that it finds.
type cutAt struct {
	key  identity.Digest
	form rows.Form
}

func newCutEntries() *cutEntries {
	return &cutEntries{names: map[identity.Digest][]rows.CutName{}, replaced: map[identity.Digest]bool{}, count: map[identity.Digest]int{}, found: map[cutAt][]identity.Digest{}}
}

func (c *cutEntries) load(key identity.Digest, slots []slot) {
	if c.count[key] > 0 {
		return
	}
	c.count[key] = len(slots)
	for _, s := range slots {
		if !slices.Contains(c.names[s.entry], s.cut) {
			c.names[s.entry] = append(c.names[s.entry], s.cut)
		}
		c.replaced[s.entry] = s.cancelled || s.stale
		c.addFound(cutAt{key, s.cut.Form}, s.entry)
	}
}

func (c *cutEntries) addFound(at cutAt, id identity.Digest) {
	ids := c.found[at]
	if i, there := slices.BinarySearchFunc(ids, id, func(a, b identity.Digest) int { return slices.Compare(a[:], b[:]) }); !there {
		c.found[at] = slices.Insert(ids, i, id)
	}
}

func (c *cutEntries) has(id identity.Digest, f rows.Form) bool {
	return slices.ContainsFunc(c.names[id], func(n rows.CutName) bool { return n.Form == f })
}

func (c *cutEntries) addName(n *rows.NamedEntry, id identity.Digest, fresh func(n *rows.NamedEntry, id, slot identity.Digest) error) error {
	if slices.Contains(c.names[id], n.Cut) {
		return nil
	}
	c.names[id] = append(c.names[id], n.Cut)
	for _, key := range n.CutKeys() {
		c.addFound(cutAt{key, n.Cut.Form}, id)
		c.count[key]++
		if err := fresh(n, id, identity.SlotID(key, c.count[key])); err != nil {
			return err
		}
	}
	return nil
}

// matchCut matches entries with those of other bases; over is what remains. Cut references with a mark come first,
// because one without a mark may be complete.
func (m *matching) matchCut(rest []unmatched) (over []unmatched, err error) {
	for _, marked := range []bool{true, false} {
		for _, u := range rest {
			if (u.Cut.Form == rows.CutForm && u.Cut.Last == rows.CutMark) != marked {
				continue
			}
			id, found := m.findCut(u.NamedEntry)
			if !found {
				over = append(over, u)
			} else if err := m.assignNew(u.NamedEntry, m.slotOf(u.NamedEntry, id)); err != nil {
				return nil, err
			}
		}
	}
	return over, nil
}

// findCut finds an entry that has the complete form of this cut reference, or the cut form of this complete one.
func (m *matching) findCut(u *rows.NamedEntry) (id identity.Digest, found bool) {
	switch u.Cut.Form {
	case rows.LongForm:
		if id, found = m.firstCut(u, rows.CutForm, func(n rows.CutName) bool { return n.Last == rows.CutMark && n.IsCut(u.Cut) }); found {
			return id, found
		}
		return m.firstCut(u, rows.CutForm, func(n rows.CutName) bool { return n.IsCut(u.Cut) })
	case rows.CutForm:
		return m.firstCut(u, rows.LongForm, u.Cut.IsCut)
	}
	return id, false
}

// firstCut is the first entry with a wanted name of a form, without those of the base and those matched in the
// statement. An entry whose reference is known completely has no other complete reference.
func (m *matching) firstCut(u *rows.NamedEntry, f rows.Form, wanted func(rows.CutName) bool) (id identity.Digest, found bool) {
	c, own := m.cut, m.bases[u.Base].byID
	for _, key := range u.CutKeys() {
		for _, id := range c.found[cutAt{key, f}] {
			_, named := own[id]
			whole := u.Cut.Form == rows.LongForm && (c.has(id, rows.LongForm) || c.has(id, rows.ExactForm))
			if !named && !m.used[id] && !c.replaced[id] && !whole && slices.ContainsFunc(c.names[id], wanted) {
				return id, true
			}
		}
	}
	return id, false
}

// cutKnown exists once all stored entries have their cut names.
const cutKnown = "statements/cut-known"

// searchOnce writes rows for the stream of names, derived from stored events, and records under a key that they exist.
func (s *Names) searchOnce(ctx context.Context, key, name string, write func(ctx context.Context, to *bufio.Writer) (written int64, err error)) error {
	searched, err := imported.HasFlag(ctx, s.Catalog, key)
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
	err = imported.Query(ctx, s.ObjectFiles, s.Duck, fmt.Sprintf(cutSQL, statements, entries, rows.CutLength, rows.CutLength-1), func(row []string) error {
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
