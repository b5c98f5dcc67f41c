// Derives an entry's id, and what its statement is recognised by.

package rows

import (
	"cmp"
	"slices"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// identify derives the entry's id from its content, as far as that is known.
func (t *rowBuilder) identify() error {
	if t.rules.Former || t.transactions.identified {
		return nil
	}
	t.transactions.identified = true
	all, n := identity.ContentDigest(t.base, t.entry, t.ownReference(t.entry), t.transactions.facts), uint32(1)
	if !t.entry.Unique || t.entry.Shared {
		var err error
		if n, err = t.occurrences.next(t.entry.Place, all); err != nil {
			return err
		}
	}
	t.id = identity.Nth(all, n)
	day := t.entryDay(t.entry)
	if !statement.IsDay(day) { // intake rejects it
		return nil
	}
	currency := cmp.Or(t.entry.Currency, t.stmt.Currency)
	l := t.listing(currency)
	name := &NamedEntry{Group: t.base, Base: t.base, Content: all, ID: t.id, Day: day, Listing: l.number, Listed: !t.entry.Unique && t.reference(t.entry) == ""}
	var before statement.Sum
	if before.Add(l.opening) {
		before.Plus(&t.ledger(currency).booked.sum)
		name.BalanceBefore = identity.Of("before", before.String())
	}
	t.nameCut(name, currency)
	return t.out.AddNamed(name)
}

// openListing is a statement that is being read and lists entries.
type openListing struct {
	number  uint32 // its number in the import
	opening string // empty if it is not known before the entries
}

// listing returns the statement that the entry belongs to: that of the currency if there is one for each.
func (t *rowBuilder) listing(currency string) openListing {
	currency = t.listingCurrency(currency)
	l, open := t.listings[currency]
	if open {
		return l
	}
	if t.listings == nil {
		t.listings = map[string]openListing{}
	}
	l.number = t.out.NewListing()
	own := slices.DeleteFunc(slices.Clone(t.balances), func(b statement.Balance) bool { return currency != "" && b.Currency != currency })
	if b := boundsOf(own); b.booked && b.opening >= 0 {
		l.opening = own[b.opening].Amount
	}
	t.listings[currency] = l
	return l
}

// listingCurrency is the key of a currency's listing: "" if the statement has only one.
func (t *rowBuilder) listingCurrency(currency string) string {
	switch {
	case t.byCurrency == nil:
		return ""
	case t.byCurrency[currency] == nil:
		return t.currencyNames()[0]
	}
	return currency
}

// describeListing passes on what distinguishes the entries of the statement, which has ended, from those of another.
func (t *rowBuilder) describeListing(b bounds) {
	listed, open := t.listings[t.listingCurrency(t.stmt.Currency)]
	if !open {
		return
	}
	l := Listing{Statement: identity.Of(t.stmt.Reference, t.stmt.Number).String(), Page: comparisonText(t.stmt.Page), First: t.entries.first, Last: t.entries.last}
	if t.stmt.Partial { // its totals may be those of all parts
		b = bounds{opening: -1, closing: -1}
	}
	if t.stmt.Partial || t.entries.text(false) != "" { // no other statement continues its balance
		l.First, l.Last = "", ""
	}
	if b.booked && b.opening >= 0 {
		l.Opening = comparisonText(statement.NormalAmount(t.balances[b.opening].Amount))
	}
	if b.booked && b.closing >= 0 && !t.entries.incremental {
		closing := &t.balances[b.closing]
		l.Closing = comparisonText(statement.NormalAmount(closing.Amount))
		if l.Last != "" && statement.IsDay(closing.Date) { // a statement that continues that balance has no entry of earlier days
			l.Last = max(l.Last, closing.Date)
		}
	}
	t.out.SetListing(listed.number, l)
}

// comparisonText is a text for comparison: its digest if it is unusually long, because each statement of an import is kept in memory.
func comparisonText(text string) string {
	if len(text) <= statement.MaxValueLength {
		return text
	}
	return identity.Of(text).String()
}
