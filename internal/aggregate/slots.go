// Looks up the stored entries that an import's entries are matched with.

package aggregate

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/project"
)

// storedNames is the stream of names: what stored entries and statements are recognised by.
type storedNames struct {
	*Streams
	ingest  ingestFunc
	findIDs func(ctx context.Context, s *project.Stream, ids []string) (map[string]uint64, error)
	dir     string   // for files of rows
	stale   []string // objects that are read again: their stored entries are not matched in other words

	onSibling func(id digest) // as resolver.onSibling
}

// resolve gives the entries of all spools the ids by which they are stored, and returns the new rows of the stream.
func (s *storedNames) resolve(ctx context.Context, spools []*spool, names *nameSpool) (*rowFile, error) {
	slots := &rowFile{path: filepath.Join(s.dir, project.NameStream+".jsonl")}
	if names.count == 0 {
		return slots, nil
	}
	if err := s.searchCut(ctx); err != nil {
		return nil, err
	}
	for _, one := range spools {
		if parts := one.files[project.EntryStream].parts; slots.name == "" && len(parts) > 0 {
			slots.name = parts[0].Name
		}
	}
	out, err := os.Create(slots.path)
	if err != nil {
		return nil, fmt.Errorf("spool names: %w", err)
	}
	to := bufio.NewWriterSize(out, 1<<16)
	renamed := renamings{}
	matching := &resolver{
		listings: names.listings, stored: s.storedSlots, rename: renamed.add, onSibling: s.onSibling,
		addSlot: func(n *namedEntry, id, slot digest) error {
			slots.rows++
			_, err := to.Write(slotRow(n, id, slot, &names.listings[n.listing]))
			return err
		},
	}
	err = names.passes(func(list []namedEntry) error { return matching.resolve(ctx, list) })
	if err = errors.Join(err, to.Flush(), out.Close()); err != nil {
		return nil, fmt.Errorf("match entries: %w", err)
	}
	return slots, renamed.apply(spools)
}

func slotRow(n *namedEntry, id, slot digest, s *listing) row {
	var r row
	r.begin()
	r.digest("id", slot)
	r.digest("entry", id)
	r.text("day", n.day)
	n.cut.write(&r)
	if n.listed {
		if n.balanceBefore != (digest{}) {
			r.digest("before", n.balanceBefore)
		}
		r.stated("statement", s.Statement)
		r.stated("page", s.Page)
		r.stated("opening", s.Opening)
		r.stated("closing", s.Closing)
		r.stated("first_day", s.First)
		r.stated("last_day", s.Last)
	}
	r.end()
	return r
}

// slots finds the stored entries of some bases.
func (s *storedNames) slots(ctx context.Context, bases []digest) (map[digest][]slot, error) {
	stream := s.Project.Stream(project.NameStream)
	baseOf, batches := map[string]digest{}, map[uint64]bool{}
	for from, wanted := 1, bases; len(wanted) > 0; from *= 2 {
		var ids []string
		for _, base := range wanted {
			for n := from; n < 2*from; n++ {
				id := slotID(base, n).String()
				baseOf[id] = base
				ids = append(ids, id)
			}
		}
		known, err := s.findIDs(ctx, stream, ids)
		if err != nil {
			return nil, err
		}
		for _, batch := range known {
			batches[batch] = true
		}
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(base digest) bool {
			_, more := known[slotID(base, 2*from-1).String()]
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
func (s *storedNames) storedSlots(ctx context.Context, bases []digest) (map[digest][]slot, error) {
	found, err := s.slots(ctx, bases)
	if err != nil || len(found) == 0 || len(s.stale) == 0 {
		return found, err
	}
	view, err := s.View(ctx, project.EntryStream)
	if err != nil || view == "" {
		return found, err
	}
	at := map[string][]*slot{} // an entry may have several names
	for _, slots := range found {
		for i := range slots {
			id := slots[i].entry.String()
			at[id] = append(at[id], &slots[i])
		}
	}
	return found, queryRows(ctx, s.Duck, "SELECT id FROM ("+view+") WHERE object IN ("+sqlList(s.stale)+")", func(row []string) error {
		for _, one := range at[row[0]] {
			one.stale = true
		}
		return nil
	})
}

// markCancelled marks the slots of cancelled entries: an entry with the same content is another one.
func (s *storedNames) markCancelled(ctx context.Context, found map[digest][]slot) error {
	var ids []string
	for _, slots := range found {
		for i := range slots {
			ids = append(ids, cancelID(slots[i].entry.String()))
		}
	}
	back, err := s.findIDs(ctx, s.Project.Stream(project.EntryStream), ids)
	if err != nil || len(back) == 0 {
		return err
	}
	for _, slots := range found {
		for i := range slots {
			_, slots[i].cancelled = back[cancelID(slots[i].entry.String())]
		}
	}
	return nil
}

// maxLookedUp is how many ids a query lists; for more, it reads the whole batches.
const maxLookedUp = 5000

// readSlots reads the rows with some ids from the batches that have them. of maps each id to its base.
func (s *storedNames) readSlots(ctx context.Context, stream *project.Stream, bases map[string]digest, in map[uint64]bool) (map[digest][]slot, error) {
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
	sql := "SELECT id, entry, before, statement, page, opening, closing, first_day, last_day, form, sixteenth, booked_day, value_day FROM (" + event.ViewSQL(s.Objects, stream, batches) + ")"
	if len(bases) <= maxLookedUp {
		literals := make([]string, 0, len(bases))
		for id := range bases {
			literals = append(literals, duck.Literal(id))
		}
		sql += " WHERE id IN (" + strings.Join(literals, ", ") + ")"
	}
	found := map[digest][]slot{}
	err = queryRows(ctx, s.Duck, sql, func(row []string) error {
		base, wanted := bases[row[0]]
		if !wanted {
			return nil
		}
		one := slot{listing: listing{row[3], row[4], row[5], row[6], row[7], row[8]}, cut: storedCutName(row[9:])}
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
