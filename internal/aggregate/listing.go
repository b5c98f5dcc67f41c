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
	if t.rules.former || t.kept.entry {
		return nil
	}
	t.kept.entry = true
	all, n := allOf(t.base, t.e, t.own(t.e), t.kept.facts), uint32(1)
	if !t.e.Unique || t.e.Shared {
		var err error
		if n, err = t.occurrences.next(t.e.Place, all); err != nil {
			return err
		}
	}
	t.id = nth(all, n)
	day := t.dayOf(t.e)
	if !isDay(day) { // intake rejects it
		return nil
	}
	currency := cmp.Or(t.e.Currency, t.s.Currency)
	l := t.listing(currency)
	name := &named{group: t.base, base: t.base, all: all, id: t.id, day: day, listing: l.at, listed: !t.e.Unique && t.reference(t.e) == ""}
	var before statement.Sum
	if before.Add(l.opening) {
		before.Plus(&t.ledger(currency).booked.sum)
		name.at = digestOf("before", before.String())
	}
	t.nameCut(name, currency)
	return t.to.name(name)
}

// maxLine is how many digits a number has that only counts the entries of a file.
const maxLine = 6

// own is the entry's other name. In CAMT many banks write there which entry of the message it is, and another message has another number:
// that is no name of the entry. It is told by a reference of the servicer's beside it, or by its value.
func (t *rowBuilder) own(e *statement.Entry) string {
	if t.rules.former || !strings.HasPrefix(t.s.Format, "camt") || len(e.Own) > maxLine || strings.Trim(e.Own, "0123456789") != "" {
		return e.Own
	}
	if e.Reference != "" || strings.TrimLeft(e.Own, "0") == strconv.FormatInt(t.listed, 10) {
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
	currency = t.listingOf(currency)
	l, open := t.listings[currency]
	if open {
		return l
	}
	if t.listings == nil {
		t.listings = map[string]openListing{}
	}
	l.at = t.to.open()
	own := slices.DeleteFunc(slices.Clone(t.balances), func(b statement.Balance) bool { return currency != "" && b.Currency != currency })
	if b := boundsOf(own); b.booked && b.opening >= 0 {
		l.opening = own[b.opening].Amount
	}
	t.listings[currency] = l
	return l
}

// listingOf names the listing of a currency: "" where the statement has one only.
func (t *rowBuilder) listingOf(currency string) string {
	switch {
	case t.others == nil:
		return ""
	case t.others[currency] == nil:
		return t.names()[0]
	}
	return currency
}

// describe tells of the statement, which has ended, what tells its entries from those of another.
func (t *rowBuilder) describe(b bounds) {
	of, open := t.listings[t.listingOf(t.s.Currency)]
	if !open {
		return
	}
	l := listing{Statement: digestOf(t.s.Reference, t.s.Number).String(), Page: compared(t.s.Page), First: t.entries.first, Last: t.entries.last}
	if t.s.Partial { // what it states may be of all parts together
		b = bounds{opening: -1, closing: -1}
	}
	if t.s.Partial || t.entries.broken(false) != "" { // no other statement goes on with its balance
		l.First, l.Last = "", ""
	}
	if b.booked && b.opening >= 0 {
		l.Opening = compared(plain(t.balances[b.opening].Amount))
	}
	if b.booked && b.closing >= 0 && !t.entries.since {
		closing := &t.balances[b.closing]
		l.Closing = compared(plain(closing.Amount))
		if l.Last != "" && isDay(closing.Date) { // what goes on with that balance has no entry of days before
			l.Last = max(l.Last, closing.Date)
		}
	}
	t.to.describe(of.at, l)
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
