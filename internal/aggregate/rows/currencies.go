// Handles statements of an account with several currencies: one statement for each currency.

package rows

import (
	"maps"
	"slices"
	"strconv"

	"bursar/internal/aggregate/format/statement"
)

// currencies makes a ledger for each currency in which a statement has booked balances, if it has an opening and a
// closing balance in each of several currencies; else it returns nil.
func currencies(balances []statement.Balance) map[string]*ledger {
	if len(balances) < 4 || !slices.ContainsFunc(balances, func(b statement.Balance) bool { return b.Currency != balances[0].Currency }) {
		return nil
	}
	apart := map[string][]statement.Balance{}
	for i := range balances {
		if isBookedBalance(balances[i].Code) {
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

func isBookedBalance(code string) bool {
	return slices.Contains(balanceFamilies[0].opening, code) || slices.Contains(balanceFamilies[0].closing, code)
}

// ledger returns the ledger that counts entries of a currency. Entries in other currencies than the statement's go to the first.
func (t *Builder) ledger(currency string) *ledger {
	if t.byCurrency == nil {
		return &t.entries
	}
	if own := t.byCurrency[currency]; own != nil {
		return own
	}
	return t.byCurrency[t.currencyNames()[0]]
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
