// Counts how often a file lists equal entries, which distinguishes them, and recognises a statement that it contains twice.

package rows

import (
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// maxEntries is how many different entries one file may have: each takes about 80 bytes of memory.
const maxEntries = 20_000_000

// occurrences counts equal entries of a file. If the file contains a statement twice, the second one counts from the
// same number as the first, so that it yields the same entries; another statement continues the count.
type occurrences struct {
	heads   map[identity.Digest]int32    // statements by headDigest, numbered in order
	latest  map[identity.Digest]repeats  // by content: counts of the last statement that lists it
	former  map[statementContent]repeats // counts of earlier statements
	current int32                        // the current statement
	pass    int32                        // number of the statement in the file, counting repetitions
}

// statementContent is an entry's content in one statement.
type statementContent struct {
	content identity.Digest
	head    int32
}

// repeats is how often a statement lists a content.
type repeats struct {
	head, pass int32
	byOthers   uint32 // how often other statements had listed it when this one first did
	maxInPass  uint32 // in any pass
	inPass     uint32 // in this pass
	total      uint32 // in all statements of the file
}

func (o *occurrences) size() int { return len(o.heads) + len(o.latest) + len(o.former) }

func (o *occurrences) reset() {
	clear(o.heads)
	clear(o.latest)
	clear(o.former)
	o.current, o.pass = 0, 0
}

// begin starts a statement with a headDigest.
func (o *occurrences) begin(head identity.Digest) {
	n, again := o.heads[head]
	if !again {
		n = int32(len(o.heads))
		o.heads[head] = n
	}
	o.current = n
	o.pass++
}

// next numbers an entry among those of equal content, from 1.
func (o *occurrences) next(at statement.Place, content identity.Digest) (uint32, error) {
	r, found := o.latest[content]
	if !found && len(o.latest)+len(o.former) >= maxEntries {
		return 0, statement.Refuse(at, "the file has more than %d entries", maxEntries).Advise("split it by account or by day")
	}
	if !found || r.head != o.current {
		r = o.switchStatement(content, r, found)
	}
	if r.pass != o.pass {
		r.pass, r.inPass = o.pass, 0
	}
	if r.inPass++; r.inPass > r.maxInPass {
		r.maxInPass = r.inPass
		r.total++
	}
	o.latest[content] = r
	return r.byOthers + r.inPass, nil
}

// switchStatement stores the counts of another statement and returns those of the current one.
func (o *occurrences) switchStatement(content identity.Digest, r repeats, found bool) repeats {
	all := r.total
	if found {
		o.former[statementContent{content, r.head}] = r
	}
	own, known := o.former[statementContent{content, o.current}]
	if !known {
		own = repeats{head: o.current, byOthers: all}
	}
	own.total = all
	return own
}

// headDigest digests what a statement states before its first entry. A statement without balances is identified by its message instead.
func (t *Builder) headDigest() identity.Digest {
	texts := []string{string(t.stmt.Kind), t.name.Servicer, t.name.Account, t.stmt.Currency, t.stmt.Number, t.stmt.Page, t.stmt.From, t.stmt.To}
	for i := range t.balances {
		b := &t.balances[i]
		texts = append(texts, b.Code, b.Subtype, b.Date, t.amount(b.Amount), b.Currency)
	}
	if len(t.balances) == 0 {
		texts = append(texts, identity.MessageID(t.stmt))
	}
	return identity.Of(texts...)
}

// scopeOfUndated identifies the statement in the ids of entries without a booking day: by its opening and closing
// balances, which are the same when it is sent again, or by its message where these are not known before the entries.
func (t *Builder) scopeOfUndated(head identity.Digest) string {
	if b := boundsOf(t.balances); b.booked && b.opening >= 0 && b.closing >= 0 {
		return head.String()
	}
	return identity.MessageID(t.stmt)
}

// intermediateOpening is the balance that a later part of a statement opens with.
func (t *Builder) intermediateOpening() string {
	if len(t.balances) > 0 && t.balances[0].Subtype == openingMT940 {
		return t.balances[0].Amount
	}
	return ""
}
