// Derives an entry's id and those of its transactions, which are kept until it is known, and decides which references
// identify it.

package rows

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	if !statement.IsDay(day) || t.failed != nil { // intake rejects an entry without a day
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
	t.fail(t.out.AddNamed(name))
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
