// Derives an entry's id and those of its transactions, which are kept until it is known: which references identify it, and
// how often a file lists equal entries.

package rows

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
	"bursar/internal/project"
)

// reference identifies an entry together with day and money. A temporary FITID does not; the entry is identified by its whole content.
func (t *Builder) reference(e *statement.Entry) string {
	if t.temporaryFITIDs {
		return ""
	}
	return e.Reference
}

// refuseCorrection refuses a correcting entry if FITIDs are temporary: the corrected entry cannot be found.
func refuseCorrection(e *statement.Entry) {
	e.Replaced, e.Replaces = false, nil
	if e.Corrects == "" {
		return
	}
	e.Amount += " to correct FITID " + e.Corrects
	e.Refused = &statement.Refusal{Column: "amount", Reason: fmt.Sprintf(
		"CORRECTFITID %s cannot be found: the institution's FITIDs are declared as temporary (fitids: temporary)", e.Corrects)}
	e.Corrects, e.Status = "", ""
}

// entryDay is the day that an entry counts for: its booking day, else the statement's day as far as it is known at that point.
func (t *Builder) entryDay(e *statement.Entry) string {
	return cmp.Or(e.Booked, t.stmt.To, dateOf(t.stmt.Created), e.Value)
}

// dateOf is the date part of a timestamp, as it is written.
func dateOf(created string) string {
	if len(created) < len(time.DateOnly) {
		return ""
	}
	return created[:len(time.DateOnly)]
}

// maxLineDigits is the maximum number of digits of a reference that only counts the entries of a file.
const maxLineDigits = 6

// ownReference is the account owner's reference of the entry. In CAMT many banks write the position of the entry in its
// message there, which differs in another message and identifies nothing. It is recognised by a reference of the
// servicer beside it, or by its value.
func (t *Builder) ownReference(e *statement.Entry) string {
	if t.rules.Former || !strings.HasPrefix(t.stmt.Format, "camt") || len(e.Own) > maxLineDigits || strings.Trim(e.Own, "0123456789") != "" {
		return e.Own
	}
	if e.Reference != "" || strings.TrimLeft(e.Own, "0") == strconv.FormatInt(t.entryCount, 10) {
		return ""
	}
	return e.Own
}

// identify derives the entry's id from its content, as far as that is known.
func (t *Builder) identify() {
	if t.rules.Former || t.transactions.identified {
		return
	}
	t.transactions.identified = true
	all, n := identity.ContentDigest(t.base, t.entry, t.ownReference(t.entry), t.transactions.facts), uint32(1)
	if !t.entry.Unique || t.entry.Shared {
		var err error
		n, err = t.occurrences.next(t.entry.Place, all)
		t.fail(err)
	}
	t.id = identity.Nth(all, n)
	day := t.entryDay(t.entry)
	if t.names == nil || !statement.IsDay(day) || t.failed != nil { // intake rejects an entry without a day
		return
	}
	currency := cmp.Or(t.entry.Currency, t.stmt.Currency)
	l := t.listing(currency)
	name := &NamedEntry{Group: t.base, Base: t.base, Content: all, ID: t.id, Day: day, Listing: l.number, Listed: !t.entry.Unique && t.reference(t.entry) == ""}
	var before statement.Sum
	if before.Add(l.opening) {
		name.BalanceBefore = identity.Of("before", before.Plus(t.ledger(currency).booked.sum).String())
	}
	t.nameCut(name, currency)
	t.fail(t.names.add(name))
}

// maxTransactionBytes limits the bytes of rows that are kept. An entry with more is identified by those that were kept.
const maxTransactionBytes = 4 << 20

// transactions are the rows of an entry's details, without their ids.
type transactions struct {
	rows       []byte
	list       []transaction
	facts      identity.Digest // sum of the digests of all details
	identified bool            // the id of the entry is known
	written    int64
}

type transaction struct {
	facts identity.Digest
	row   []byte // a part of rows
}

func (k *transactions) reset() {
	*k = transactions{rows: k.rows[:0], list: k.list[:0]}
}

func (k *transactions) add(facts identity.Digest, r Row) {
	from := len(k.rows)
	k.rows = append(k.rows, r...)
	k.list = append(k.list, transaction{facts, k.rows[from:]})
	k.facts.Plus(facts)
}

// writeDetails identifies the entry and writes the transactions that are kept. They are numbered in an order of their
// content, so that another list of them yields the same events.
func (t *Builder) writeDetails() {
	t.identify()
	k := &t.transactions
	if !t.rules.Former {
		slices.SortStableFunc(k.list, func(a, b transaction) int { return slices.Compare(a.facts[:], b.facts[:]) })
	}
	for _, one := range k.list {
		k.written++
		r := &t.row
		r.Begin()
		r.Digest("id", identity.DetailID(t.id, k.written))
		r.Digest("entry", t.id)
		r.columns(one.row[len("{"):])
		t.write(project.DetailStream)
	}
	k.rows, k.list = k.rows[:0], k.list[:0]
}

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
