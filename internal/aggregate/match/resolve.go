// Package match gives the entries of an import the ids of the stored entries that they are. It owns the stream of names,
// by which stored entries and statements are found again: by content, by reference or its beginning, by days and opening
// balance. It guarantees that an entry counts once in whatever order, words and overlap the statements come (rule 1). It
// must not know files or what cancels an entry.
package match

import (
	"bufio"
	"context"
	"slices"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rows"
)

// slot is an entry of a base, or of a cut name, that is stored or about to be, as one statement lists it.
type slot struct {
	entry         identity.Digest
	cut           rows.CutName
	balanceBefore identity.Digest // as in rows.NamedEntry
	listing       rows.Listing
	cancelled     bool // the entry was cancelled
	stale         bool // it belongs to a file that is read again
}

// resolver gives entries the ids by which they are stored.
type resolver struct {
	*Names
	listings []rows.Listing
	renamed  rows.Renamings // entries that get another id than that of their content
	to       *bufio.Writer  // the new slots
	added    int64          // their number
}

// addSlot adds a slot for an entry that is not stored yet under the name at hand.
func (r *resolver) addSlot(n *rows.NamedEntry, id, slot identity.Digest) error {
	r.added++
	_, err := r.to.Write(slotRow(n, id, slot, &r.listings[n.Listing]))
	return err
}

func (r *resolver) resolve(ctx context.Context, list []rows.NamedEntry) error {
	slices.SortStableFunc(list, func(a, b rows.NamedEntry) int { return slices.Compare(a.Group[:], b.Group[:]) })
	var lookedUp []identity.Digest
	for i := range list {
		if n := &list[i]; i == 0 || list[i-1].Base != n.Base || n.Cut != list[i-1].Cut {
			lookedUp = append(append(lookedUp, n.Base), n.CutKeys()...)
		}
	}
	slices.SortFunc(lookedUp, func(a, b identity.Digest) int { return slices.Compare(a[:], b[:]) })
	stored, err := r.storedSlots(ctx, slices.Compact(lookedUp))
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Group == list[0].Group {
			n++
		}
		if err := r.resolveGroup(list[:n], stored); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

func (r *resolver) resolveGroup(list []rows.NamedEntry, stored map[identity.Digest][]slot) error {
	m := &matching{resolver: r, bases: map[identity.Digest]*baseEntries{}}
	for i := range list {
		m.load(&list[i], stored)
	}
	m.unmarkStale(list)
	for len(list) > 0 {
		n := m.statementLength(list)
		if err := m.matchStatement(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// maxPages is how many pages of a statement are matched together: each is compared with all before it.
const maxPages = 1000

// statementLength counts the entries at the start of list that belong to one statement of a file, on any of its pages.
func (m *matching) statementLength(list []rows.NamedEntry) int {
	pages := []uint32{list[0].Listing}
	for n := 1; n < len(list); n++ {
		if list[n].Listing == list[n-1].Listing {
			continue
		}
		isNoPage := func(other uint32) bool { return !m.listings[list[n].Listing].IsOtherPage(&m.listings[other]) }
		if list[n].File != list[0].File || len(pages) == maxPages || slices.ContainsFunc(pages, isNoPage) {
			return n
		}
		pages = append(pages, list[n].Listing)
	}
	return len(list)
}

// matching is the entries of one group that are stored or were found so far.
type matching struct {
	*resolver
	bases map[identity.Digest]*baseEntries
	cut   *cutEntries // nil if no reference can be a cut one

	used       map[identity.Digest]bool   // stored entries that are matched with an entry of the current statement
	nextNumber map[identity.Digest]uint32 // by content: the number that is tried next
	reserved   map[identity.Digest]bool   // ids without a slot that an entry of the current statement uses
}

type baseEntries struct {
	slots     int                        // of all its entries
	cancelled bool                       // some were cancelled
	byID      map[identity.Digest][]slot // by entry: one for each statement that lists it and keeps it apart from others
}

func (m *matching) load(n *rows.NamedEntry, stored map[identity.Digest][]slot) {
	b := m.bases[n.Base]
	if b == nil {
		slots := stored[n.Base]
		b = &baseEntries{slots: len(slots), byID: make(map[identity.Digest][]slot, len(slots))}
		for _, s := range slots {
			b.byID[s.entry] = append(b.byID[s.entry], s)
			b.cancelled = b.cancelled || s.cancelled
		}
		m.bases[n.Base] = b
	}
	if n.Cut.Form == 0 {
		return
	}
	if m.cut == nil {
		m.cut = newCutEntries()
	}
	for _, key := range n.CutKeys() {
		m.cut.load(key, stored[key])
	}
}

// unmarkStale clears the stale mark of stored entries whose whole content equals that of an entry of the import: an
// earlier reading is not their only source, so that they may be matched in other words too.
func (m *matching) unmarkStale(list []rows.NamedEntry) {
	seen := map[identity.Digest]bool{}
	for i := range list {
		n := &list[i]
		if seen[n.Content] {
			continue
		}
		seen[n.Content] = true
		for k := uint32(1); ; k++ {
			slots, stored := m.bases[n.Base].byID[identity.Nth(n.Content, k)]
			if !stored {
				break
			}
			for at := range slots {
				slots[at].stale = false
			}
		}
	}
}
