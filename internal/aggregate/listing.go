// An entry's id, and what its statement is known by.

package aggregate

import (
	"cmp"
	"time"
)

// identify gives the entry its id: by all that it says, as far as that is known.
func (t *teller) identify() error {
	if t.rules.former || t.kept.entry {
		return nil
	}
	t.kept.entry = true
	all, n := allOf(t.base, t.e, t.kept.facts), uint32(1)
	if !t.e.Unique || t.e.Shared {
		var err error
		if n, err = t.said.next(t.e.Place, all); err != nil {
			return err
		}
	}
	t.id = nth(all, n)
	day := t.dayOf(t.e)
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return nil // intake rejects it
	}
	listed := !t.e.Unique && t.e.Reference == ""
	return t.to.name(&named{base: t.base, all: all, id: t.id, day: day, listing: t.listing(cmp.Or(t.e.Currency, t.s.Currency)), listed: listed})
}

// listing is the statement among those of the import, of the currency if it is one for each.
func (t *teller) listing(currency string) uint32 {
	switch {
	case t.others == nil:
		currency = ""
	case t.others[currency] == nil:
		currency = t.names()[0]
	}
	at, open := t.listings[currency]
	if !open {
		if t.listings == nil {
			t.listings = map[string]uint32{}
		}
		at = t.to.open()
		t.listings[currency] = at
	}
	return at
}

// describe tells of the statement, which has ended, what tells its entries from those of another.
func (t *teller) describe(b bounds) {
	currency := ""
	if t.others != nil {
		currency = t.s.Currency
	}
	at, open := t.listings[currency]
	if !open {
		return
	}
	l := listing{Statement: digestOf(t.s.Reference, t.s.Number).String(), Page: t.s.Page, First: t.entries.first, Last: t.entries.last}
	if b.booked && b.opening >= 0 {
		l.Opening = plain(t.balances[b.opening].Amount)
	}
	if b.booked && b.closing >= 0 && !t.entries.since {
		l.Closing = plain(t.balances[b.closing].Amount)
	}
	t.to.describe(at, l)
}
