// Entries in another currency than the account's.

package camt

import "slices"

// convert takes the entry's counter value for its amount where that is what moved the account: see isCounter.
func (m *message) convert() {
	if f := &m.facts.entry; m.isCounter(&f.counter) {
		f.amount = f.counter
	}
}

// convertByDetail does so by the counter value of the only transaction, where some banks state it: the transaction's amount is the entry's.
func (m *message) convertByDetail() {
	f := &m.facts.detail
	counter := &f.counter
	if m.details == 1 && m.isCounter(counter) && slices.Contains([]money{f.amount, f.transacted, f.instructed}, m.facts.entry.amount) {
		m.facts.entry.amount = *counter
		m.firstDetail.Amount, m.firstDetail.Currency, m.firstDetail.Instructed = signed(counter.text, m.direction()), counter.currency, true
	}
}

// isCounter reports whether an amount is in the account's currency and the entry's is not: it is in one in which the account has no
// balance.
func (m *message) isCounter(counter *money) bool {
	account, currency := m.statement.Currency, m.facts.entry.amount.currency
	if account == "" && len(m.balanceCurrencies) > 0 {
		account = m.balanceCurrencies[0]
	}
	return counter.text != "" && counter.currency != "" && counter.currency == account && currency != "" && currency != account && !slices.Contains(m.balanceCurrencies, currency)
}
