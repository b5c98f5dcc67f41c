// How often a file has said the same: what tells equal entries apart.

package aggregate

import "bursar/internal/aggregate/statement"

// maxEntries is how many entries of one file are told apart: they take some 80 bytes of memory each.
const maxEntries = 20_000_000

// occurrences counts equal entries of a file. A statement that the file holds twice counts from where it counted at first, so
// that its repetition tells of the same entries; another statement counts on from those before it.
type occurrences struct {
	heads   map[digest]int32             // statements by what they begin with, numbered in order
	latest  map[digest]repeats           // by content: as the statement that said it last has it
	former  map[statementContent]repeats // as those before have it
	current int32                        // the statement that is being read
	pass    int32                        // counts statements, repetitions too
}

// statementContent is what one statement says.
type statementContent struct {
	content digest
	head    int32
}

// repeats is how often a statement says something.
type repeats struct {
	head, pass int32
	before     uint32 // how often others had said it when this one said it first
	most       uint32 // in any pass
	own        uint32 // in this pass
	all        uint32 // by all statements of the file
}

func newOccurrences() *occurrences {
	return &occurrences{heads: map[digest]int32{}, latest: map[digest]repeats{}, former: map[statementContent]repeats{}}
}

// size is how many counts it holds.
func (o *occurrences) size() int { return len(o.heads) + len(o.latest) + len(o.former) }

// reset makes it new.
func (o *occurrences) reset() {
	clear(o.heads)
	clear(o.latest)
	clear(o.former)
	o.current, o.pass = 0, 0
}

// begin counts for a statement that begins so.
func (o *occurrences) begin(head digest) {
	n, again := o.heads[head]
	if !again {
		n = int32(len(o.heads))
		o.heads[head] = n
	}
	o.current = n
	o.pass++
}

// next numbers an entry among those of the same content, from 1.
func (o *occurrences) next(at statement.Place, content digest) (uint32, error) {
	r, found := o.latest[content]
	if !found && len(o.latest)+len(o.former) >= maxEntries {
		return 0, statement.Refuse(at, "the file has more than %d entries", maxEntries).Advise("split it by account or by day")
	}
	if !found || r.head != o.current {
		r = o.switchStatement(content, r, found)
	}
	if r.pass != o.pass {
		r.pass, r.own = o.pass, 0
	}
	if r.own++; r.own > r.most {
		r.most = r.own
		r.all++
	}
	o.latest[content] = r
	return r.before + r.own, nil
}

// switchStatement sets aside how often another statement said it, and takes up where this one stopped.
func (o *occurrences) switchStatement(content digest, r repeats, found bool) repeats {
	all := r.all
	if found {
		o.former[statementContent{content, r.head}] = r
	}
	own, known := o.former[statementContent{content, o.current}]
	if !known {
		own = repeats{head: o.current, before: all}
	}
	own.all = all
	return own
}
