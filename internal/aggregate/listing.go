// An entry's id, and what its statement is known by.

package aggregate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/statement"
)

// identify gives the entry its id: by all that it says, as far as that is known.
func (t *rowBuilder) identify() error {
	if t.rules.former || t.transactions.identified {
		return nil
	}
	t.transactions.identified = true
	all, n := contentDigest(t.base, t.entry, t.ownReference(t.entry), t.transactions.facts), uint32(1)
	if !t.entry.Unique || t.entry.Shared {
		var err error
		if n, err = t.occurrences.next(t.entry.Place, all); err != nil {
			return err
		}
	}
	t.id = nth(all, n)
	day := t.entryDay(t.entry)
	if !isDay(day) { // intake rejects it
		return nil
	}
	currency := cmp.Or(t.entry.Currency, t.stmt.Currency)
	l := t.listing(currency)
	name := &namedEntry{group: t.base, base: t.base, content: all, id: t.id, day: day, listing: l.at, listed: !t.entry.Unique && t.reference(t.entry) == ""}
	var before statement.Sum
	if before.Add(l.opening) {
		before.Plus(&t.ledger(currency).booked.sum)
		name.balanceBefore = digestOf("before", before.String())
	}
	t.nameCut(name, currency)
	return t.out.addNamed(name)
}

// maxLine is how many digits a number has that only counts the entries of a file.
const maxLine = 6

// ownReference is the entry's other name. In CAMT many banks write there which entry of the message it is, and another message has another number:
// that is no name of the entry. It is told by a reference of the servicer's beside it, or by its value.
func (t *rowBuilder) ownReference(e *statement.Entry) string {
	if t.rules.former || !strings.HasPrefix(t.stmt.Format, "camt") || len(e.Own) > maxLine || strings.Trim(e.Own, "0123456789") != "" {
		return e.Own
	}
	if e.Reference != "" || strings.TrimLeft(e.Own, "0") == strconv.FormatInt(t.entryCount, 10) {
		return ""
	}
	return e.Own
}

// openListing is a statement that lists entries, as far as it is read.
type openListing struct {
	at      uint32 // among those of the import
	opening string // empty if it is not known before its entries
}

// listing is the statement that the entry is of: of the currency if it is one for each.
func (t *rowBuilder) listing(currency string) openListing {
	currency = t.listingCurrency(currency)
	l, open := t.listings[currency]
	if open {
		return l
	}
	if t.listings == nil {
		t.listings = map[string]openListing{}
	}
	l.at = t.out.newListing()
	own := slices.DeleteFunc(slices.Clone(t.balances), func(b statement.Balance) bool { return currency != "" && b.Currency != currency })
	if b := boundsOf(own); b.booked && b.opening >= 0 {
		l.opening = own[b.opening].Amount
	}
	t.listings[currency] = l
	return l
}

// listingCurrency names the listing of a currency: "" where the statement has one only.
func (t *rowBuilder) listingCurrency(currency string) string {
	switch {
	case t.byCurrency == nil:
		return ""
	case t.byCurrency[currency] == nil:
		return t.currencyNames()[0]
	}
	return currency
}

// describeListing tells of the statement, which has ended, what tells its entries from those of another.
func (t *rowBuilder) describeListing(b bounds) {
	of, open := t.listings[t.listingCurrency(t.stmt.Currency)]
	if !open {
		return
	}
	l := listing{Statement: digestOf(t.stmt.Reference, t.stmt.Number).String(), Page: compared(t.stmt.Page), First: t.entries.first, Last: t.entries.last}
	if t.stmt.Part { // what it states may be of all parts together
		b = bounds{opening: -1, closing: -1}
	}
	if t.stmt.Part || t.entries.text(false) != "" { // no other statement goes on with its balance
		l.First, l.Last = "", ""
	}
	if b.booked && b.opening >= 0 {
		l.Opening = compared(normalAmount(t.balances[b.opening].Amount))
	}
	if b.booked && b.closing >= 0 && !t.entries.incremental {
		closing := &t.balances[b.closing]
		l.Closing = compared(normalAmount(closing.Amount))
		if l.Last != "" && isDay(closing.Date) { // what goes on with that balance has no entry of days before
			l.Last = max(l.Last, closing.Date)
		}
	}
	t.out.setListing(of.at, l)
}

// compared is a text that others are compared with: its digest where it is longer than such texts are, as each statement of an import is remembered.
func compared(text string) string {
	if len(text) <= longestValue {
		return text
	}
	return digestOf(text).String()
}

func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}
