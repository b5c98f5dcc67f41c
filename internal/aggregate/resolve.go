// Entries matched with those that are stored: the entries of one base as a multiset, by all that they say; then those whose references an MT message cuts.

package aggregate

import (
	"context"
	"slices"
)

// slot is an entry of a base, or of a cut name, that is stored, or about to be, as one statement lists it.
type slot struct {
	entry         digest
	cut           cutName
	balanceBefore digest // as a named entry has it
	listing       listing
	cancelled     bool // it was taken back
	stale         bool // it is of a file that is read again
}

// slotID is the id under which the n-th entry of a base, or of a cut name, is stored among the names, from 1.
func slotID(base digest, n int) digest { return nth(digestOf("slot", string(base[:])), uint32(n)) }

// resolver gives entries the ids by which they are stored.
type resolver struct {
	listings  []listing
	stored    func(ctx context.Context, bases []digest) (map[digest][]slot, error)
	addSlot   func(n *namedEntry, id, slot digest) error // an entry that is not stored yet by the name at hand
	rename    func(file uint32, from, to digest)         // an entry that has another id than by what it says alone
	onSibling func(id digest)                            // an entry of a base of which some were taken back; nil where nobody asks
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

// mostPages is how many pages of a statement are matched together: each is compared with all before it.
const mostPages = 1000

// statementLength counts the entries at the beginning of a list that are of one statement, on whichever of its pages in a file.
func (m *matching) statementLength(list []namedEntry) int {
	pages := []uint32{list[0].listing}
	for n := 1; n < len(list); n++ {
		if list[n].listing == list[n-1].listing {
			continue
		}
		isNoPage := func(other uint32) bool { return !m.listings[list[n].listing].isOtherPage(&m.listings[other]) }
		if list[n].file != list[0].file || len(pages) == mostPages || slices.ContainsFunc(pages, isNoPage) {
			return n
		}
		pages = append(pages, list[n].listing)
	}
	return len(list)
}

// matching is the entries of one group that are stored, or were found so far.
type matching struct {
	*resolver
	bases map[digest]*baseEntries
	cut   *cutEntries // nil where no reference can be a cut one

	used       map[digest]bool   // entries that one of the statement at hand is
	nextNumber map[digest]uint32 // by all that entries say: the number that is tried next
	reserved   map[digest]bool   // ids that no slot has, and an entry of the statement takes
}

// baseEntries is the entries that one base names.
type baseEntries struct {
	slots     int               // of all entries
	cancelled bool              // some were taken back
	byID      map[digest][]slot // by entry: one for each statement that lists it and keeps it apart from others
}

// load takes in what is stored of the bases and cut names of the import's entries.
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

// unmarkStale has those stored entries of files that are read again be matched in other words, too, that one of the entries says all of: they are not of an
// earlier reading alone.
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

// unmatched is an entry that no slot says all of, and the id that it has unless it is one of them in other words.
type unmatched struct {
	*namedEntry
	newID digest
}

// matchStatement matches the entries of one statement: first with those that say all the same; the rest with what is left of those that are
// stored, in an order that does not depend on the list: of the same base, then of those whose references one of the two has cut. Only what is over is new.
func (m *matching) matchStatement(list []namedEntry) error {
	m.used, m.nextNumber, m.reserved = map[digest]bool{}, map[digest]uint32{}, map[digest]bool{}
	var rest []unmatched
	seen, first := map[digest]bool{}, map[digest]*namedEntry{}
	for i := range list {
		n := &list[i]
		if i > 0 && n.listing != list[i-1].listing { // another page may be of what this one is not
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

// matchByBase matches entries with what is left of those of their base; over is what has none. first are those that a base has in the statement.
func (m *matching) matchByBase(rest []unmatched, first map[digest]*namedEntry) (over []unmatched, err error) {
	left := map[digest][]digest{}
	for _, u := range rest {
		ids, begun := left[u.base]
		if !begun {
			ids = m.unmatchedStored(first[u.base])
		}
		for len(ids) > 0 && m.used[ids[0]] { // by another base, whose entry it is too
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

// assignNew adds an entry to those that the base names.
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

// assign has an entry known by the id of one that is stored, or about to be.
func (m *matching) assign(n *namedEntry, id digest) error {
	m.used[id] = true
	if m.onSibling != nil && m.bases[n.base].cancelled {
		m.onSibling(id)
	}
	if n.id != id {
		m.rename(n.file, n.id, id)
	}
	if l := &m.listings[n.listing]; n.listed && l.distinguishes(n.day, m.bases[n.base].byID[id]) {
		if err := m.add(n, m.slotOf(n, id)); err != nil {
			return err
		}
	}
	if n.cut.form == 0 {
		return nil
	}
	return m.cut.note(n, id, m.addSlot)
}

// matchExact is the id of the slot that says all that the entry says; or that of none, found false, if there is none that it may be.
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

// mayMatch reports whether the entry may be that of some slots. Where one statement goes on with the other's balance, it is so only if it comes at the
// same balance in both.
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

// unmatchedStored are the entries of the base that none of the statement is, and one of them may be in other words, sorted by id.
func (m *matching) unmatchedStored(n *namedEntry) (left []digest) {
	for id, slots := range m.bases[n.base].byID {
		if !m.used[id] && !slots[0].stale && m.mayMatch(n, slots) {
			left = append(left, id)
		}
	}
	slices.SortFunc(left, func(a, b digest) int { return slices.Compare(a[:], b[:]) })
	return left
}
