// Describes what distinguishes the entries of a statement from those of another.

package rows

import (
	"slices"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/identity"
)

// openListing is a statement that is being read and lists entries.
type openListing struct {
	number  uint32 // its number in the import
	opening string // empty if it is not known before the entries
}

// listing returns the statement that the entry belongs to: that of the currency if there is one for each.
func (t *Builder) listing(currency string) openListing {
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
func (t *Builder) listingCurrency(currency string) string {
	switch {
	case t.byCurrency == nil:
		return ""
	case t.byCurrency[currency] == nil:
		return t.currencyNames()[0]
	}
	return currency
}

// describeListing passes on what distinguishes the entries of the statement, which has ended, from those of another.
func (t *Builder) describeListing(b bounds) {
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

// Listing is what is known of a statement that lists entries; empty if it does not state it.
type Listing struct {
	Statement, Page  string // the bank's names
	Opening, Closing string // booked balances
	First, Last      string // days of its entries; Last is the day of the closing balance if that is later
}

// IsOtherPage reports whether two listings are pages of one statement, which have no entry in common. If both move the
// balance and open or close with the same one, they are not: one of them is from another division into pages.
func (s *Listing) IsOtherPage(o *Listing) bool {
	if s.Statement != o.Statement || s.Page == "" || o.Page == "" || s.Page == o.Page {
		return false
	}
	moved := s.Opening != s.Closing && o.Opening != o.Closing
	return !moved || s.Opening != o.Opening && s.Closing != o.Closing
}

// Precedes reports whether o continues the closing balance of s on the same day. Then they have no entry in common,
// unless what lies between adds up to zero.
func (s *Listing) Precedes(o *Listing) bool {
	return s.Closing != "" && s.Closing == o.Opening && s.Opening != s.Closing && s.Last != "" && s.Last == o.First
}
