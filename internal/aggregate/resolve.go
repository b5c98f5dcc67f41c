// Entries matched with those that are stored: the entries of one base as a multiset, by all that they say.

package aggregate

import (
	"context"
	"slices"
)

// slot is an entry of a base that is stored, or about to be.
type slot struct {
	entry   digest
	at      digest // as a named entry has it
	listing listing
	gone    bool // it was taken back
	stale   bool // it is of a file that is read again
}

// slotID is the id under which the n-th entry of a base is stored among the names, from 1.
func slotID(base digest, n int) digest { return nth(digestOf("slot", string(base[:])), uint32(n)) }

// resolver gives entries the ids by which they are stored.
type resolver struct {
	listings []listing
	stored   func(ctx context.Context, bases []digest) (map[digest][]slot, error)
	fresh    func(n *named, id, slot digest) error // an entry that is not stored yet
	other    func(file uint32, from, to digest)    // an entry that has another id than by what it says alone
}

// resolve handles all entries of some bases.
func (r *resolver) resolve(ctx context.Context, list []named) error {
	slices.SortStableFunc(list, func(a, b named) int { return slices.Compare(a.base[:], b.base[:]) })
	var bases []digest
	for i := range list {
		if i == 0 || list[i].base != list[i-1].base {
			bases = append(bases, list[i].base)
		}
	}
	stored, err := r.stored(ctx, bases)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].base == list[0].base {
			n++
		}
		if err := r.base(list[:n], stored[list[0].base]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// base handles the entries of one base, statement by statement.
func (r *resolver) base(list []named, slots []slot) error {
	byID := make(map[digest]int, len(slots))
	for i, s := range slots {
		byID[s.entry] = i
	}
	m := &matching{resolver: r, slots: slots, byID: byID}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].listing == list[0].listing {
			n++
		}
		if err := m.statement(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// matching is the entries of one base that are stored, or were found so far.
type matching struct {
	*resolver
	slots []slot
	byID  map[digest]int

	used  map[int]bool      // slots that an entry of the statement at hand is
	next  map[digest]uint32 // by all that entries say: the number that is tried next
	taken map[digest]bool   // ids that no slot has, and an entry of the statement takes
}

// unmatched is an entry that no slot says all of, and the id that it has unless it is one of them in other words.
type unmatched struct {
	*named
	free digest
}

// statement matches the entries of one statement: first with those that say all the same; the rest with what is left of those that are
// stored, in an order that does not depend on the list; only what is over is new.
func (m *matching) statement(list []named) error {
	m.used, m.next, m.taken = map[int]bool{}, map[digest]uint32{}, map[digest]bool{}
	var rest []unmatched
	seen := map[digest]bool{}
	for i := range list {
		n := &list[i]
		if seen[n.id] {
			continue
		}
		seen[n.id] = true
		id, found := m.exact(n)
		if !found {
			rest = append(rest, unmatched{n, id})
			continue
		}
		m.rename(n, id)
	}
	slices.SortStableFunc(rest, func(a, b unmatched) int { return slices.Compare(a.free[:], b.free[:]) })
	left := m.left(list[0])
	for i, u := range rest {
		if i < len(left) {
			m.rename(u.named, m.slots[left[i]].entry)
			continue
		}
		m.rename(u.named, u.free)
		m.byID[u.free] = len(m.slots)
		m.slots = append(m.slots, slot{entry: u.free, at: u.at, listing: m.listings[u.listing]})
		if err := m.fresh(u.named, u.free, slotID(u.base, len(m.slots))); err != nil {
			return err
		}
	}
	return nil
}

// exact is the id of the slot that says all that the entry says; or that of none, found false, if there is none that it may be.
func (m *matching) exact(n *named) (id digest, found bool) {
	for {
		m.next[n.all]++
		id = nth(n.all, m.next[n.all])
		at, stored := m.byID[id]
		if stored && !m.used[at] && m.mayBe(n, at) {
			m.used[at] = true
			return id, true
		}
		if !stored && !m.taken[id] {
			m.taken[id] = true
			return id, false
		}
	}
}

// mayBe reports whether the entry may be that of a slot. Where one statement goes on with the other's balance, it is so only if it comes at the
// same balance in both.
func (m *matching) mayBe(n *named, at int) bool {
	s, l := &m.slots[at], &m.listings[n.listing]
	switch {
	case s.gone:
		return false
	case !n.listed:
		return true
	case s.listing.otherPage(l):
		return false
	case s.listing.precedes(l) || l.precedes(&s.listing):
		return n.at != digest{} && n.at == s.at
	}
	return true
}

// left are the slots that no entry of the statement is, and one of them may be in other words, sorted by id.
func (m *matching) left(n named) (left []int) {
	for at := range m.slots {
		if !m.used[at] && !m.slots[at].stale && m.mayBe(&n, at) {
			left = append(left, at)
		}
	}
	slices.SortFunc(left, func(a, b int) int { return slices.Compare(m.slots[a].entry[:], m.slots[b].entry[:]) })
	return left
}

// rename has an entry known by an id.
func (m *matching) rename(n *named, id digest) {
	if n.id != id {
		m.other(n.file, n.id, id)
	}
}
