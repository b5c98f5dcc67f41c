// Matches the entries of one statement with the stored ones.

package match

import (
	"slices"

	"bursar/internal/aggregate/identity"
	"bursar/internal/aggregate/rows"
)

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
	if m.OnSibling != nil && m.bases[n.Base].cancelled {
		m.OnSibling(id)
	}
	if n.ID != id {
		m.renamed.Add(n.File, n.ID, id)
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
