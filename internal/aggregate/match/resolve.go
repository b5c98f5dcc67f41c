// Package match gives the entries of an import the ids of the stored entries that they are. It owns the stream of names,
// by which stored entries and statements are found again: by content, by reference or its beginning, by days and opening
// balance. It guarantees that an entry counts once in whatever order, words and overlap the statements come (rule 1). It
// must not know files or what cancels an entry.
package match

import (
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
	listings  []rows.Listing
	stored    func(ctx context.Context, bases []identity.Digest) (map[identity.Digest][]slot, error)
	addSlot   func(n *rows.NamedEntry, id, slot identity.Digest) error // adds a slot for an entry that is not stored yet under the name at hand
	rename    func(file uint32, from, to identity.Digest)              // reports an entry that gets another id than that of its content
	onSibling func(id identity.Digest)                                 // reports an entry of a base of which some entries were cancelled; may be nil
}

// resolve handles all entries of some groups.
func (r *resolver) resolve(ctx context.Context, list []rows.NamedEntry) error {
	slices.SortStableFunc(list, func(a, b rows.NamedEntry) int { return slices.Compare(a.Group[:], b.Group[:]) })
	var lookedUp []identity.Digest
	for i := range list {
		if n := &list[i]; i == 0 || list[i-1].Base != n.Base || n.Cut != list[i-1].Cut {
			lookedUp = append(append(lookedUp, n.Base), n.CutKeys()...)
		}
	}
	slices.SortFunc(lookedUp, func(a, b identity.Digest) int { return slices.Compare(a[:], b[:]) })
	stored, err := r.stored(ctx, slices.Compact(lookedUp))
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

// resolveGroup handles the entries of one group, statement by statement.
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

// baseEntries are the entries of one base.
type baseEntries struct {
	slots     int                        // of all its entries
	cancelled bool                       // some were cancelled
	byID      map[identity.Digest][]slot // by entry: one for each statement that lists it and keeps it apart from others
}

// load adds the stored slots of an entry's base and cut names.
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

// unmatched is an entry whose content no slot equals. newID is its id unless it is matched in other words.
type unmatched struct {
	*rows.NamedEntry
	newID identity.Digest
}

// matchStatement matches the entries of one statement. First come those whose content is equal. The rest is matched
// with the remaining stored entries, in an order that does not depend on the list: first of the same base, then of
// those whose reference one of the two cuts. Only what remains is new.
func (m *matching) matchStatement(list []rows.NamedEntry) error {
	m.used, m.nextNumber, m.reserved = map[identity.Digest]bool{}, map[identity.Digest]uint32{}, map[identity.Digest]bool{}
	var rest []unmatched
	seen, first := map[identity.Digest]bool{}, map[identity.Digest]*rows.NamedEntry{}
	for i := range list {
		n := &list[i]
		if i > 0 && n.Listing != list[i-1].Listing { // another page may match an entry that this page cannot
			clear(m.nextNumber)
		}
		if seen[n.ID] {
			continue
		}
		seen[n.ID] = true
		if first[n.Base] == nil {
			first[n.Base] = n
		}
		id, found := m.matchExact(n)
		if !found {
			rest = append(rest, unmatched{n, id})
			continue
		}
		if err := m.assign(n, id); err != nil {
			return err
		}
	}
	slices.SortStableFunc(rest, func(a, b unmatched) int { return slices.Compare(a.newID[:], b.newID[:]) })
	rest, err := m.matchByBase(rest, first)
	if err == nil && m.cut != nil {
		rest, err = m.matchCut(rest)
	}
	for i := 0; i < len(rest) && err == nil; i++ {
		err = m.assignNew(rest[i].NamedEntry, m.slotOf(rest[i].NamedEntry, rest[i].newID))
	}
	return err
}

// matchByBase matches entries with the remaining stored ones of their base; over is what remains. first is the first
// entry of each base in the statement.
func (m *matching) matchByBase(rest []unmatched, first map[identity.Digest]*rows.NamedEntry) (over []unmatched, err error) {
	left := map[identity.Digest][]identity.Digest{}
	for _, u := range rest {
		ids, begun := left[u.Base]
		if !begun {
			ids = m.unmatchedStored(first[u.Base])
		}
		for len(ids) > 0 && m.used[ids[0]] { // matched through another base of the same entry
			ids = ids[1:]
		}
		if len(ids) == 0 {
			left[u.Base], over = ids, append(over, u)
			continue
		}
		left[u.Base] = ids[1:]
		if err := m.assign(u.NamedEntry, ids[0]); err != nil {
			return nil, err
		}
	}
	return over, nil
}

func (m *matching) slotOf(n *rows.NamedEntry, id identity.Digest) slot {
	return slot{entry: id, balanceBefore: n.BalanceBefore, listing: m.listings[n.Listing]}
}

// assignNew adds a slot for an entry to its base, and assigns the entry to it.
func (m *matching) assignNew(n *rows.NamedEntry, s slot) error {
	if err := m.add(n, s); err != nil {
		return err
	}
	return m.assign(n, s.entry)
}

func (m *matching) add(n *rows.NamedEntry, s slot) error {
	b := m.bases[n.Base]
	b.byID[s.entry] = append(b.byID[s.entry], s)
	b.slots++
	return m.addSlot(n, s.entry, identity.SlotID(n.Base, b.slots))
}

// assign gives an entry the id of one that is stored, or about to be.
func (m *matching) assign(n *rows.NamedEntry, id identity.Digest) error {
	m.used[id] = true
	if m.onSibling != nil && m.bases[n.Base].cancelled {
		m.onSibling(id)
	}
	if n.ID != id {
		m.rename(n.File, n.ID, id)
	}
	if l := &m.listings[n.Listing]; n.Listed && distinguishes(l, n.Day, m.bases[n.Base].byID[id]) {
		if err := m.add(n, m.slotOf(n, id)); err != nil {
			return err
		}
	}
	if n.Cut.Form == 0 {
		return nil
	}
	return m.cut.addName(n, id, m.addSlot)
}

// distinguishes reports whether the statement keeps an entry of a day apart from those of others: it is a page, or
// another statement may continue its balance on that day. It is false if a slot of the entry records that already.
func distinguishes(s *rows.Listing, day string, slots []slot) bool {
	edge := s.Opening != s.Closing && (day == s.First || day == s.Last)
	return (s.Page != "" || edge) && !slices.ContainsFunc(slots, func(o slot) bool {
		l := o.listing
		if s.Page == "" {
			l.Statement, l.Page = s.Statement, ""
		}
		return l == *s
	})
}

// matchExact finds the stored entry with equal content. Otherwise found is false, and id is a new one.
func (m *matching) matchExact(n *rows.NamedEntry) (id identity.Digest, found bool) {
	b := m.bases[n.Base]
	for {
		m.nextNumber[n.Content]++
		id = identity.Nth(n.Content, m.nextNumber[n.Content])
		slots, stored := b.byID[id]
		if stored && !m.used[id] && m.mayMatch(n, slots) {
			m.used[id] = true
			return id, true
		}
		if !stored && !m.reserved[id] {
			m.reserved[id] = true
			return id, false
		}
	}
}

// mayMatch reports whether the entry may be the stored one of these slots. If one statement continues the balance of
// the other, it is only where the entry stands at the same balance in both.
func (m *matching) mayMatch(n *rows.NamedEntry, slots []slot) bool {
	l := &m.listings[n.Listing]
	for i := range slots {
		s := &slots[i]
		switch {
		case s.cancelled, n.Cut.Form == rows.ExactForm && m.cut.has(s.entry, rows.LongForm):
			return false
		case !n.Listed:
		case s.listing.IsOtherPage(l):
			return false
		case (s.listing.Precedes(l) || l.Precedes(&s.listing)) && (n.BalanceBefore == identity.Digest{} || n.BalanceBefore != s.balanceBefore):
			return false
		}
	}
	return true
}

// unmatchedStored lists the stored entries of the base that are not matched in the statement, and that n may be in
// other words, sorted by id.
func (m *matching) unmatchedStored(n *rows.NamedEntry) (left []identity.Digest) {
	for id, slots := range m.bases[n.Base].byID {
		if !m.used[id] && !slots[0].stale && m.mayMatch(n, slots) {
			left = append(left, id)
		}
	}
	slices.SortFunc(left, func(a, b identity.Digest) int { return slices.Compare(a[:], b[:]) })
	return left
}
