// Entries in another currency than the account's.

package camt

import "slices"

// useCounterValue takes the entry's counter value for its amount where that is what moved the account: see isCounter.
func (m *message) useCounterValue() {
	if f := &m.fields.entry; m.isCounterValue(&f.counterValue) {
		f.amount = f.counterValue
	}
}

// useDetailCounterValue does so by the counter value of the only transaction, where some banks state it: the transaction's amount is the entry's.
func (m *message) useDetailCounterValue() {
	f := &m.fields.detail
	counter := &f.counterValue
	if m.details == 1 && m.isCounterValue(counter) && slices.Contains([]money{f.amount, f.transacted, f.instructed}, m.fields.entry.amount) {
		m.fields.entry.amount = *counter
		m.firstDetail.Amount, m.firstDetail.Currency, m.firstDetail.Instructed = signed(counter.text, m.direction()), counter.currency, true
	}
}

// isCounterValue reports whether an amount is in the account's currency and the entry's is not: it is in one in which the account has no
// balance.
func (m *message) isCounterValue(amount *money) bool {
	account, currency := m.statement.Currency, m.fields.entry.amount.currency
	if account == "" && len(m.balanceCurrencies) > 0 {
		account = m.balanceCurrencies[0]
	}
	return amount.text != "" && amount.currency != "" && amount.currency == account && currency != "" && currency != account && !slices.Contains(m.balanceCurrencies, currency)
}
