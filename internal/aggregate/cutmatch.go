// Matches entries with those of which one of the two has a cut reference.

package aggregate

import "slices"

// cutEntries are the entries of a group by their cut names: stored ones, and those found so far.
type cutEntries struct {
	names    map[digest][]cutName
	replaced map[digest]bool    // entries that were cancelled or belong to a file that is read again
	count    map[digest]int     // number of slots of each key
	found    map[cutAt][]digest // sorted
}

// cutAt is a key with the form of the names that it finds.
type cutAt struct {
	key  digest
	form form
}

func newCutEntries() *cutEntries {
	return &cutEntries{names: map[digest][]cutName{}, replaced: map[digest]bool{}, count: map[digest]int{}, found: map[cutAt][]digest{}}
}

// load adds the stored slots of a key.
func (c *cutEntries) load(key digest, slots []slot) {
	if c.count[key] > 0 {
		return
	}
	c.count[key] = len(slots)
	for _, s := range slots {
		if !slices.Contains(c.names[s.entry], s.cut) {
			c.names[s.entry] = append(c.names[s.entry], s.cut)
		}
		c.replaced[s.entry] = s.cancelled || s.stale
		c.addFound(cutAt{key, s.cut.form}, s.entry)
	}
}

func (c *cutEntries) addFound(at cutAt, id digest) {
	ids := c.found[at]
	if i, there := slices.BinarySearchFunc(ids, id, func(a, b digest) int { return slices.Compare(a[:], b[:]) }); !there {
		c.found[at] = slices.Insert(ids, i, id)
	}
}

// has reports whether an entry has a name of a form.
func (c *cutEntries) has(id digest, f form) bool {
	return slices.ContainsFunc(c.names[id], func(n cutName) bool { return n.form == f })
}

// addName adds a name to an entry, unless it has it already.
func (c *cutEntries) addName(n *namedEntry, id digest, fresh func(n *namedEntry, id, slot digest) error) error {
	if slices.Contains(c.names[id], n.cut) {
		return nil
	}
	c.names[id] = append(c.names[id], n.cut)
	for _, key := range n.cutKeys() {
		c.addFound(cutAt{key, n.cut.form}, id)
		c.count[key]++
		if err := fresh(n, id, slotID(key, c.count[key])); err != nil {
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
			if (u.cut.form == cutForm && u.cut.last == cutMark) != marked {
				continue
			}
			id, found := m.findCut(u.namedEntry)
			if !found {
				over = append(over, u)
			} else if err := m.assignNew(u.namedEntry, m.slotOf(u.namedEntry, id)); err != nil {
				return nil, err
			}
		}
	}
	return over, nil
}

// findCut finds an entry that has the complete form of this cut reference, or the cut form of this complete one.
func (m *matching) findCut(u *namedEntry) (id digest, found bool) {
	switch u.cut.form {
	case longForm:
		if id, found = m.firstCut(u, cutForm, func(n cutName) bool { return n.last == cutMark && n.isCut(u.cut) }); found {
			return id, found
		}
		return m.firstCut(u, cutForm, func(n cutName) bool { return n.isCut(u.cut) })
	case cutForm:
		return m.firstCut(u, longForm, u.cut.isCut)
	}
	return id, false
}

// firstCut is the first entry with a wanted name of a form, without those of the base and those matched in the
// statement. An entry whose reference is known completely has no other complete reference.
func (m *matching) firstCut(u *namedEntry, f form, wanted func(cutName) bool) (id digest, found bool) {
	c, own := m.cut, m.bases[u.base].byID
	for _, key := range u.cutKeys() {
		for _, id := range c.found[cutAt{key, f}] {
			_, named := own[id]
			whole := u.cut.form == longForm && (c.has(id, longForm) || c.has(id, exactForm))
			if !named && !m.used[id] && !c.replaced[id] && !whole && slices.ContainsFunc(c.names[id], wanted) {
				return id, true
			}
		}
	}
	return id, false
}
