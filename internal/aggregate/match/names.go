// Looks up the stored entries that an import's entries are matched with.

package match

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/imported"
	"bursar/internal/aggregate/rows"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/project"
)

// Names is the stream of names: what stored entries and statements are recognised by.
type Names struct {
	*imported.Streams
	Ingest  rows.IngestFunc
	FindIDs func(ctx context.Context, s *project.Stream, ids []string) (map[string]uint64, error)
	Dir     string   // for files of rows
	Stale   []string // objects that are read again: their stored entries are not matched in other words

	OnSibling func(id identity.Digest) // reports an entry of a base of which some entries were cancelled; may be nil
}

// Resolve gives the entries of all spools the ids by which they are stored, and returns the new rows of the stream.
func (s *Names) Resolve(ctx context.Context, spools []*rows.Spool, names *rows.NameSpool) (*rows.File, error) {
	slots := &rows.File{Path: filepath.Join(s.Dir, project.NameStream+".jsonl")}
	if names.Count == 0 {
		return slots, nil
	}
	if err := s.searchOnce(ctx, cutKnown, "stored entries", s.writeCut); err != nil {
		return nil, err
	}
	for _, one := range spools {
		if parts := one.Files[project.EntryStream].Parts; slots.Name == "" && len(parts) > 0 {
			slots.Name = parts[0].Name
		}
	}
	r := &resolver{Names: s, listings: names.Listings, renamed: rows.Renamings{}}
	err := rows.WriteFile(slots.Path, func(to *bufio.Writer) error {
		r.to = to
		return names.Passes(func(list []rows.NamedEntry) error { return r.resolve(ctx, list) })
	})
	if err != nil {
		return nil, fmt.Errorf("match entries: %w", err)
	}
	slots.Rows = r.added
	return slots, r.renamed.Apply(spools)
}

func slotRow(n *rows.NamedEntry, id, slot identity.Digest, s *rows.Listing) rows.Row {
	var r rows.Row
	r.Begin()
	r.Digest("id", slot)
	r.Digest("entry", id)
	r.Text("day", n.Day)
	n.Cut.Write(&r)
	if n.Listed {
		if n.BalanceBefore != (identity.Digest{}) {
			r.Digest("before", n.BalanceBefore)
		}
		r.Stated("statement", s.Statement)
		r.Stated("page", s.Page)
		r.Stated("opening", s.Opening)
		r.Stated("closing", s.Closing)
		r.Stated("first_day", s.First)
		r.Stated("last_day", s.Last)
	}
	r.End()
	return r
}

func (s *Names) slots(ctx context.Context, bases []identity.Digest) (map[identity.Digest][]slot, error) {
	stream := s.Project.Stream(project.NameStream)
	baseOf, batches := map[string]identity.Digest{}, map[uint64]bool{}
	for from, wanted := 1, bases; len(wanted) > 0; from *= 2 {
		var ids []string
		for _, base := range wanted {
			for n := from; n < 2*from; n++ {
				id := identity.SlotID(base, n).String()
				baseOf[id] = base
				ids = append(ids, id)
			}
		}
		known, err := s.FindIDs(ctx, stream, ids)
		if err != nil {
			return nil, err
		}
		for _, batch := range known {
			batches[batch] = true
		}
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(base identity.Digest) bool {
			_, more := known[identity.SlotID(base, 2*from-1).String()]
			return !more
		})
		for _, id := range ids {
			if _, found := known[id]; !found {
				delete(baseOf, id)
			}
		}
	}
	if len(baseOf) == 0 {
		return nil, nil
	}
	found, err := s.readSlots(ctx, stream, baseOf, batches)
	if err != nil {
		return nil, err
	}
	return found, s.markCancelled(ctx, found)
}

// storedSlots finds the stored entries of some bases, and marks those of files that are read again as stale.
func (s *Names) storedSlots(ctx context.Context, bases []identity.Digest) (map[identity.Digest][]slot, error) {
	found, err := s.slots(ctx, bases)
	if err != nil || len(found) == 0 || len(s.Stale) == 0 {
		return found, err
	}
	at := map[string][]*slot{} // an entry may have several names
	for _, slots := range found {
		for i := range slots {
			id := slots[i].entry.String()
			at[id] = append(at[id], &slots[i])
		}
	}
	return found, s.Select(ctx, project.EntryStream, "SELECT id FROM stored WHERE object IN ("+imported.SQLList(s.Stale...)+")", func(row []string) {
		for _, one := range at[row[0]] {
			one.stale = true
		}
	})
}

// markCancelled marks the slots of cancelled entries: an entry with the same content is another one.
func (s *Names) markCancelled(ctx context.Context, found map[identity.Digest][]slot) error {
	var ids []string
	for _, slots := range found {
		for i := range slots {
			ids = append(ids, identity.CancelID(slots[i].entry.String()))
		}
	}
	back, err := s.FindIDs(ctx, s.Project.Stream(project.EntryStream), ids)
	if err != nil || len(back) == 0 {
		return err
	}
	for _, slots := range found {
		for i := range slots {
			_, slots[i].cancelled = back[identity.CancelID(slots[i].entry.String())]
		}
	}
	return nil
}

// maxLookedUp is how many ids a query lists; for more, it reads the whole batches.
const maxLookedUp = 5000

// readSlots reads the rows with some ids from the batches that have them. of maps each id to its base.
func (s *Names) readSlots(ctx context.Context, stream *project.Stream, bases map[string]identity.Digest, in map[uint64]bool) (map[identity.Digest][]slot, error) {
	var batches []event.Batch
	err := s.Catalog.View(ctx, func(tx catalog.Tx) error {
		batches = nil
		for _, number := range slices.Sorted(maps.Keys(in)) {
			b, err := event.GetBatch(tx, stream.Name, number)
			if err != nil {
				return err
			}
			batches = append(batches, b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := event.CheckObjects(ctx, s.Objects, batches, s.Duck.Threads); err != nil {
		return nil, err
	}
	sql := "SELECT id, entry, before, statement, page, opening, closing, first_day, last_day, form, sixteenth, booked_day, value_day FROM (" + event.ViewSQL(s.ObjectFiles, stream, batches) + ")"
	if len(bases) <= maxLookedUp {
		sql += " WHERE id IN (" + imported.SQLList(slices.Collect(maps.Keys(bases))...) + ")"
	}
	found := map[identity.Digest][]slot{}
	err = imported.Query(ctx, s.ObjectFiles, s.Duck, sql, func(row []string) error {
		base, wanted := bases[row[0]]
		if !wanted {
			return nil
		}
		one := slot{listing: rows.Listing{Statement: row[3], Page: row[4], Opening: row[5], Closing: row[6], First: row[7], Last: row[8]}, cut: rows.StoredCutName(row[9:])}
		_, wrong := hex.Decode(one.entry[:], []byte(row[1]))
		if _, err := hex.Decode(one.balanceBefore[:], []byte(row[2])); err != nil || wrong != nil {
			return fmt.Errorf("read entry %q of %s: %w", row[1], stream.Name, errors.Join(wrong, err))
		}
		found[base] = append(found[base], one)
		return nil
	})
	for _, slots := range found {
		slices.SortFunc(slots, func(a, b slot) int { return slices.Compare(a.entry[:], b.entry[:]) })
	}
	return found, err
}
