// Merges tables in one pass: a tournament of cursors, in which the newest entry of an id wins.

package dedupe

import "math/bits"

type cursor struct {
	t       *table
	pos     uint32
	hiAt    []byte // Hi of this entry and of the rest of its block
	rest    []byte // the rest of this entry and of those after it
	release func(block []byte)
	err     error // why the current block is damaged
}

// open begins a block and checks the bytes of a mapped table; false if they are damaged.
func (c *cursor) open() bool {
	block := uint64(c.pos >> blockBits)
	b := c.t.blocks[block]
	if c.t.pages != nil {
		if c.err = c.t.pages.check(block*blockSize, uint64(len(b))); c.err != nil {
			return false
		}
	}
	capacity := len(b) / entrySize
	c.hiAt, c.rest = b[capacity*markSize:], b[capacity*(markSize+hiSize):]
	return true
}

// next moves to the next entry; false at the end or at a damaged block. A block that was read completely is passed to release.
func (c *cursor) next() bool {
	c.pos++
	if c.pos == c.t.n || c.pos&blockMask == 0 {
		if c.release != nil {
			at := (c.pos - 1) >> blockBits
			c.release(c.t.blocks[at])
			c.t.blocks[at] = nil
		}
		if c.pos == c.t.n {
			return false
		}
		return c.open()
	}
	c.hiAt, c.rest = c.hiAt[hiSize:], c.rest[restSize:]
	return true
}

// merger returns the entries of tables in order of id. The tree is a tournament of losers: tree[0] is the winner, and each inner node
// contains the loser of its game, so that a step replays only one path.
type merger struct {
	cursors []cursor
	keys    []uint64 // Hi of each cursor
	done    []bool
	tree    []int
	newer   Newer
	err     error // of the first cursor that found a damaged block
}

// Newer reports whether, of two entries with one id, the one at a is kept rather than the one at b. The nil Newer keeps the greater place.
// A row accepted out of quarantine has an older place than events that were accepted before it, so places alone do not always decide.
type Newer func(a, b Place) (bool, error)

func (newer Newer) isNewer(a, b Place) (bool, error) {
	if newer == nil {
		return a > b, nil
	}
	return newer(a, b)
}

// newMerger starts at the first entries. If release is not nil, the tables are consumed block by block.
func newMerger(tables []*table, newer Newer, release func(block []byte)) *merger {
	m := &merger{newer: newer}
	for _, t := range tables {
		if t.n > 0 {
			m.cursors = append(m.cursors, cursor{t: t, release: release})
		}
	}
	k := len(m.cursors)
	m.keys, m.done, m.tree = make([]uint64, k), make([]bool, k), make([]int, k)
	for i := range m.cursors {
		if !m.cursors[i].open() {
			m.end(i)
			continue
		}
		m.keys[i] = le.Uint64(m.cursors[i].hiAt)
	}
	m.buildTree()
	return m
}

// end removes a cursor from the tournament.
func (m *merger) end(i int) {
	m.keys[i], m.done[i] = ^uint64(0), true
	if m.err == nil {
		m.err = m.cursors[i].err
	}
}

func (m *merger) buildTree() {
	k := len(m.cursors)
	winner := make([]int, 2*k)
	for i := range k {
		winner[k+i] = i
	}
	for node := k - 1; node > 0; node-- {
		a, b := winner[2*node], winner[2*node+1]
		if m.less(b, a) {
			a, b = b, a
		}
		winner[node], m.tree[node] = a, b
	}
	if k > 0 {
		m.tree[0] = winner[1]
	}
}

// less orders two cursors; of equal ids the greater place comes first.
func (m *merger) less(a, b int) bool {
	if m.keys[a] != m.keys[b] {
		return m.keys[a] < m.keys[b]
	}
	return m.lessTie(a, b)
}

func (m *merger) lessTie(a, b int) bool {
	if m.done[a] || m.done[b] {
		return !m.done[a]
	}
	ra, rb := m.cursors[a].rest, m.cursors[b].rest
	if la, lb := le.Uint64(ra), le.Uint64(rb); la != lb {
		return la < lb
	}
	if pa, pb := le.Uint64(ra[16:]), le.Uint64(rb[16:]); pa != pb {
		return pa > pb
	}
	return a < b
}

// advance moves the winner on and finds the next one. Which of two cursors wins is random, so they are exchanged by arithmetic: a branch would be
// mispredicted half of the time.
func (m *merger) advance() {
	w := m.tree[0]
	if m.cursors[w].next() {
		m.keys[w] = le.Uint64(m.cursors[w].hiAt)
	} else {
		m.end(w)
	}
	key := m.keys[w]
	for node := (len(m.cursors) + w) / 2; node > 0; node /= 2 {
		l := m.tree[node]
		_, wins := bits.Sub64(m.keys[l], key, 0)
		if m.keys[l] == key && m.lessTie(l, w) {
			wins = 1
		}
		swap := (l ^ w) & -int(wins)
		m.tree[node], w = l^swap, w^swap
		key = m.keys[w]
	}
	m.tree[0] = w
}

// writeTo adds every id once to b, with its newest entry.
func (m *merger) writeTo(b *builder) error {
	if len(m.cursors) == 0 {
		return nil
	}
	var last Entry
	started := false
	for ; m.err == nil && !m.done[m.tree[0]]; m.advance() {
		w := m.tree[0]
		r := m.cursors[w].rest
		e := Entry{Hi: m.keys[w], Lo: le.Uint64(r), Content: le.Uint64(r[8:]), Place: Place(le.Uint64(r[16:]))}
		if started && e.sameID(&last) {
			newer, err := m.newer.isNewer(e.Place, last.Place)
			if err != nil {
				return err
			}
			if newer {
				last = e
			}
			continue
		}
		if started {
			if err := b.add(&last); err != nil {
				return err
			}
		}
		started, last = true, e
	}
	if m.err != nil || !started {
		return m.err
	}
	return b.add(&last)
}
