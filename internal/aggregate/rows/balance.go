// Decides which of a statement's balances opens it and which closes it, and divides a statement of an account with several currencies.

package rows

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"bursar/internal/aggregate/format/statement"
)

// bounds are the positions of the balances that open and close a statement; -1 if there is none. booked reports that
// they are booked balances, so that the booked entries lead from one to the other.
type bounds struct {
	opening, closing int
	booked           bool
}

// balanceFamilies are the balances that belong together, in order of preference: booked, else available. Within a family the
// codes are candidates in order of preference. If a code occurs several times, the earliest opens and the latest closes. An
// interim balance opens where it comes first and closes where it comes last, unless its subtype says which of the two it is.
var balanceFamilies = []struct {
	booked           bool
	opening, closing []string
}{
	{true, []string{statement.OpeningBooked, statement.PreviousClosing, statement.InterimBooked}, []string{statement.ClosingBooked, statement.InterimBooked}},
	{false, []string{statement.OpeningAvailable, statement.InterimAvailable}, []string{statement.ClosingAvailable, statement.InterimAvailable}},
}

// boundsOf finds the family of which a statement states most.
func boundsOf(balances []statement.Balance) bounds {
	best, most := bounds{-1, -1, false}, 0
	for _, sort := range balanceFamilies {
		b := bounds{firstBalance(balances, sort.opening), lastBalance(balances, sort.closing), sort.booked}
		if b.closing == b.opening {
			b.closing = -1
		}
		n := 0
		for _, at := range []int{b.opening, b.closing} {
			if at >= 0 {
				n++
			}
		}
		if n > most {
			best, most = b, n
		}
	}
	return best
}

// firstBalance is the earliest balance of the first of these codes that there is one of, and lastBalance the latest; -1 if there is none.
func firstBalance(balances []statement.Balance, codes []string) int {
	return findBalance(balances, codes, closingPage, func(date, best string) bool { return date < best })
}

func lastBalance(balances []statement.Balance, codes []string) int {
	return findBalance(balances, codes, openingPage, func(date, best string) bool { return date >= best })
}

func findBalance(balances []statement.Balance, codes, otherPage []string, isBetter func(date, best string) bool) int {
	for _, code := range codes {
		at := -1
		for i := range balances {
			b := &balances[i]
			if b.Code == code && !slices.Contains(otherPage, b.Subtype) && (at < 0 || isBetter(b.Date, balances[at].Date)) {
				at = i
			}
		}
		if at >= 0 {
			return at
		}
	}
	return -1
}

// The subtypes of balances of one page: those of MT940, and the opening and closing interim balances of CAMT.
var (
	openingPage = []string{openingMT940, "OIBD"}
	closingPage = []string{"62M", "CIBD"}
)

const openingMT940 = "60M"

// position is the value of the column position.
func (b bounds) position(i int) string {
	switch i {
	case b.opening:
		return "opening"
	case b.closing:
		return "closing"
	}
	return "other"
}

// currencies makes a ledger for each currency in which a statement has booked balances, if it has an opening and a
// closing balance in each of several currencies; else it returns nil.
func currencies(balances []statement.Balance) map[string]*ledger {
	if len(balances) < 4 || !slices.ContainsFunc(balances, func(b statement.Balance) bool { return b.Currency != balances[0].Currency }) {
		return nil
	}
	apart, booked := map[string][]statement.Balance{}, balanceFamilies[0]
	for i := range balances {
		if code := balances[i].Code; slices.Contains(booked.opening, code) || slices.Contains(booked.closing, code) {
			apart[balances[i].Currency] = append(apart[balances[i].Currency], balances[i])
		}
	}
	ledgers := map[string]*ledger{}
	for currency, own := range apart {
		if b := boundsOf(own); currency == "" || b.opening < 0 || b.closing < 0 {
			return nil
		}
		ledgers[currency] = &ledger{}
	}
	if len(ledgers) < 2 {
		return nil
	}
	return ledgers
}

// ledger returns the ledger that counts entries of a currency.
func (t *Builder) ledger(currency string) *ledger {
	return cmp.Or(t.byCurrency[t.ledgerCurrency(currency)], &t.entries)
}

// ledgerCurrency is the currency with whose entries those of a currency count: "" if the statement has only one. Entries in
// other currencies than the statement's go to the first.
func (t *Builder) ledgerCurrency(currency string) string {
	switch {
	case t.byCurrency == nil:
		return ""
	case t.byCurrency[currency] == nil:
		return t.currencyNames()[0]
	}
	return currency
}

// currencyNames lists the currencies of a statement with several, in an order that does not depend on the file.
func (t *Builder) currencyNames() []string { return slices.Sorted(maps.Keys(t.byCurrency)) }

// endEach ends a statement for each currency, with its own balances and entries. The counts that the bank states are of
// all of them together; its sums would mix currencies.
func (t *Builder) endEach() {
	whole, all := *t.stmt, t.balances
	names := t.currencyNames()
	first := t.byCurrency[names[0]]
	count := int64(0)
	for _, l := range t.byCurrency {
		count += l.booked.count()
	}
	if stated := whole.Stated.Count; stated != "" && stated != strconv.FormatInt(count, 10) && stated != strconv.FormatInt(t.entryCount, 10) {
		first.addFault(whole.Place, "entries: the bank states %s, the statement lists %d", stated, count)
	}
	for _, name := range names {
		own := whole
		own.Currency, own.Stated = name, statement.Totals{}
		t.stmt, t.entries = &own, *t.byCurrency[name]
		t.balances = slices.DeleteFunc(slices.Clone(all), func(b statement.Balance) bool {
			return b.Currency != name && (name != names[0] || t.byCurrency[b.Currency] != nil)
		})
		t.close()
	}
	t.balances = all
}
