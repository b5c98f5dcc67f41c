// Uses the counter value of an entry in another currency than the account's.

package camt

import "slices"

// useCounterValue replaces the entry's amount by its counter value if that is the change of the account's balance;
// see isCounterValue.
func (m *message) useCounterValue() {
	if f := &m.fields.entry; m.isCounterValue(&f.counterValue) {
		f.amount = f.counterValue
	}
}

// useDetailCounterValue does the same with the counter value of the only transaction, where some banks state it. The
// amounts of the transaction and the entry must be equal.
func (m *message) useDetailCounterValue() {
	f := &m.fields.detail
	counter := &f.counterValue
	if m.details == 1 && m.isCounterValue(counter) && slices.Contains([]money{f.amount, f.transacted, f.instructed}, m.fields.entry.amount) {
		m.fields.entry.amount = *counter
		m.firstDetail.Amount, m.firstDetail.Currency, m.firstDetail.Instructed = signed(counter.text, m.direction()), counter.currency, true
	}
}

// isCounterValue reports whether an amount is in the account's currency, and the entry's amount is in a currency in
// which the account has no balance.
func (m *message) isCounterValue(amount *money) bool {
	account, currency := m.statement.Currency, m.fields.entry.amount.currency
	if account == "" && len(m.balanceCurrencies) > 0 {
		account = m.balanceCurrencies[0]
	}
	return amount.text != "" && amount.currency != "" && amount.currency == account && currency != "" && currency != account && !slices.Contains(m.balanceCurrencies, currency)
}
