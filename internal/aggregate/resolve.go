// Matches entries with the stored ones: first the entries of one base as a multiset, by their whole content; then those
// whose reference is cut in an MT message.

package aggregate

import (
	"context"
	"slices"
)

// slot is an entry of a base, or of a cut name, that is stored or about to be, as one statement lists it.
type slot struct {
	entry         digest
	cut           cutName
	balanceBefore digest // as in namedEntry
	listing       listing
	cancelled     bool // the entry was cancelled
	stale         bool // it belongs to a file that is read again
}

// resolver gives entries the ids by which they are stored.
type resolver struct {
	listings  []listing
	stored    func(ctx context.Context, bases []digest) (map[digest][]slot, error)
	addSlot   func(n *namedEntry, id, slot digest) error // adds a slot for an entry that is not stored yet under the name at hand
	rename    func(file uint32, from, to digest)         // reports an entry that gets another id than that of its content
	onSibling func(id digest)                            // reports an entry of a base of which some entries were cancelled; may be nil
}

// resolve handles all entries of some groups.
func (r *resolver) resolve(ctx context.Context, list []namedEntry) error {
	slices.SortStableFunc(list, func(a, b namedEntry) int { return slices.Compare(a.group[:], b.group[:]) })
	var lookedUp []digest
	for i := range list {
		if n := &list[i]; i == 0 || list[i-1].base != n.base || n.cut != list[i-1].cut {
			lookedUp = append(append(lookedUp, n.base), n.cutKeys()...)
		}
	}
	slices.SortFunc(lookedUp, func(a, b digest) int { return slices.Compare(a[:], b[:]) })
	stored, err := r.stored(ctx, slices.Compact(lookedUp))
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].group == list[0].group {
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
func (r *resolver) resolveGroup(list []namedEntry, stored map[digest][]slot) error {
	m := &matching{resolver: r, bases: map[digest]*baseEntries{}}
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
func (m *matching) statementLength(list []namedEntry) int {
	pages := []uint32{list[0].listing}
	for n := 1; n < len(list); n++ {
		if list[n].listing == list[n-1].listing {
			continue
		}
		isNoPage := func(other uint32) bool { return !m.listings[list[n].listing].isOtherPage(&m.listings[other]) }
		if list[n].file != list[0].file || len(pages) == maxPages || slices.ContainsFunc(pages, isNoPage) {
			return n
		}
		pages = append(pages, list[n].listing)
	}
	return len(list)
}

// matching is the entries of one group that are stored or were found so far.
type matching struct {
	*resolver
	bases map[digest]*baseEntries
	cut   *cutEntries // nil if no reference can be a cut one

	used       map[digest]bool   // stored entries that are matched with an entry of the current statement
	nextNumber map[digest]uint32 // by content: the number that is tried next
	reserved   map[digest]bool   // ids without a slot that an entry of the current statement uses
}

// baseEntries are the entries of one base.
type baseEntries struct {
	slots     int               // of all its entries
	cancelled bool              // some were cancelled
	byID      map[digest][]slot // by entry: one for each statement that lists it and keeps it apart from others
}

// load adds the stored slots of an entry's base and cut names.
func (m *matching) load(n *namedEntry, stored map[digest][]slot) {
	b := m.bases[n.base]
	if b == nil {
		slots := stored[n.base]
		b = &baseEntries{slots: len(slots), byID: make(map[digest][]slot, len(slots))}
		for _, s := range slots {
			b.byID[s.entry] = append(b.byID[s.entry], s)
			b.cancelled = b.cancelled || s.cancelled
		}
		m.bases[n.base] = b
	}
	if n.cut.form == 0 {
		return
	}
	if m.cut == nil {
		m.cut = newCutEntries()
	}
	for _, key := range n.cutKeys() {
		m.cut.load(key, stored[key])
	}
}

// unmarkStale clears the stale mark of stored entries whose whole content equals that of an entry of the import: an
// earlier reading is not their only source, so that they may be matched in other words too.
func (m *matching) unmarkStale(list []namedEntry) {
	seen := map[digest]bool{}
	for i := range list {
		n := &list[i]
		if seen[n.content] {
			continue
		}
		seen[n.content] = true
		for k := uint32(1); ; k++ {
			slots, stored := m.bases[n.base].byID[nth(n.content, k)]
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
	*namedEntry
	newID digest
}

// matchStatement matches the entries of one statement. First come those whose content is equal. The rest is matched
// with the remaining stored entries, in an order that does not depend on the list: first of the same base, then of
// those whose reference one of the two cuts. Only what remains is new.
func (m *matching) matchStatement(list []namedEntry) error {
	m.used, m.nextNumber, m.reserved = map[digest]bool{}, map[digest]uint32{}, map[digest]bool{}
	var rest []unmatched
	seen, first := map[digest]bool{}, map[digest]*namedEntry{}
	for i := range list {
		n := &list[i]
		if i > 0 && n.listing != list[i-1].listing { // another page may match an entry that this page cannot
			clear(m.nextNumber)
		}
		if seen[n.id] {
			continue
		}
		seen[n.id] = true
		if first[n.base] == nil {
			first[n.base] = n
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
		err = m.assignNew(rest[i].namedEntry, m.slotOf(rest[i].namedEntry, rest[i].newID))
	}
	return err
}

// matchByBase matches entries with the remaining stored ones of their base; over is what remains. first is the first
// entry of each base in the statement.
func (m *matching) matchByBase(rest []unmatched, first map[digest]*namedEntry) (over []unmatched, err error) {
	left := map[digest][]digest{}
	for _, u := range rest {
		ids, begun := left[u.base]
		if !begun {
			ids = m.unmatchedStored(first[u.base])
		}
		for len(ids) > 0 && m.used[ids[0]] { // matched through another base of the same entry
			ids = ids[1:]
		}
		if len(ids) == 0 {
			left[u.base], over = ids, append(over, u)
			continue
		}
		left[u.base] = ids[1:]
		if err := m.assign(u.namedEntry, ids[0]); err != nil {
			return nil, err
		}
	}
	return over, nil
}

func (m *matching) slotOf(n *namedEntry, id digest) slot {
	return slot{entry: id, balanceBefore: n.balanceBefore, listing: m.listings[n.listing]}
}

// assignNew adds a slot for an entry to its base, and assigns the entry to it.
func (m *matching) assignNew(n *namedEntry, s slot) error {
	if err := m.add(n, s); err != nil {
		return err
	}
	return m.assign(n, s.entry)
}

func (m *matching) add(n *namedEntry, s slot) error {
	b := m.bases[n.base]
	b.byID[s.entry] = append(b.byID[s.entry], s)
	b.slots++
	return m.addSlot(n, s.entry, slotID(n.base, b.slots))
}

// assign gives an entry the id of one that is stored, or about to be.
func (m *matching) assign(n *namedEntry, id digest) error {
	m.used[id] = true
	if m.onSibling != nil && m.bases[n.base].cancelled {
		m.onSibling(id)
	}
	if n.id != id {
		m.rename(n.file, n.id, id)
	}
	if l := &m.listings[n.listing]; n.listed && distinguishes(l, n.day, m.bases[n.base].byID[id]) {
		if err := m.add(n, m.slotOf(n, id)); err != nil {
			return err
		}
	}
	if n.cut.form == 0 {
		return nil
	}
	return m.cut.addName(n, id, m.addSlot)
}

// distinguishes reports whether the statement keeps an entry of a day apart from those of others: it is a page, or
// another statement may continue its balance on that day. It is false if a slot of the entry records that already.
func distinguishes(s *listing, day string, slots []slot) bool {
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
func (m *matching) matchExact(n *namedEntry) (id digest, found bool) {
	b := m.bases[n.base]
	for {
		m.nextNumber[n.content]++
		id = nth(n.content, m.nextNumber[n.content])
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
func (m *matching) mayMatch(n *namedEntry, slots []slot) bool {
	l := &m.listings[n.listing]
	for i := range slots {
		s := &slots[i]
		switch {
		case s.cancelled, n.cut.form == exactForm && m.cut.has(s.entry, longForm):
			return false
		case !n.listed:
		case s.listing.isOtherPage(l):
			return false
		case (s.listing.precedes(l) || l.precedes(&s.listing)) && (n.balanceBefore == digest{} || n.balanceBefore != s.balanceBefore):
			return false
		}
	}
	return true
}

// unmatchedStored lists the stored entries of the base that are not matched in the statement, and that n may be in
// other words, sorted by id.
func (m *matching) unmatchedStored(n *namedEntry) (left []digest) {
	for id, slots := range m.bases[n.base].byID {
		if !m.used[id] && !slots[0].stale && m.mayMatch(n, slots) {
			left = append(left, id)
		}
	}
	slices.SortFunc(left, func(a, b digest) int { return slices.Compare(a[:], b[:]) })
	return left
}
