// How often a file has said the same: what tells equal entries apart.

package aggregate

import "bursar/internal/aggregate/statement"

// maxEntries is how many entries of one file are told apart: they take some 60 bytes of memory each.
const maxEntries = 20_000_000

// occurrences counts equal entries of a file. A statement that the file holds twice counts from where it counted at first, so
// that its repetition tells of the same entries; another statement counts on from those before it.
type occurrences struct {
	heads map[digest]int32 // statements by what they begin with, numbered in order
	seen  map[digest][]tally
	now   int32
	own   map[digest]uint32 // of the statement that is being read
}

// tally is how often one statement of the file has said something.
type tally struct {
	head int32
	n    uint32
}

func newOccurrences() *occurrences {
	return &occurrences{heads: map[digest]int32{}, seen: map[digest][]tally{}, own: map[digest]uint32{}}
}

// begin counts for a statement that begins so.
func (o *occurrences) begin(head digest) {
	clear(o.own)
	n, again := o.heads[head]
	if !again {
		n = int32(len(o.heads))
		o.heads[head] = n
	}
	o.now = n
}

// next numbers an entry among those of the same content, from 1.
func (o *occurrences) next(at statement.Place, content digest) (uint32, error) {
	o.own[content]++
	own, before := o.own[content], uint32(0)
	tallies := o.seen[content]
	found := false
	for i := range tallies {
		switch t := &tallies[i]; {
		case t.head < o.now:
			before += t.n
		case t.head == o.now:
			t.n, found = max(t.n, own), true
		}
	}
	if !found {
		if len(o.seen) >= maxEntries {
			return 0, statement.Refuse(at, "the file has more than %d entries", maxEntries).Advise("split it by account or by day")
		}
		o.seen[content] = append(tallies, tally{o.now, 1})
	}
	return before + own, nil
}
