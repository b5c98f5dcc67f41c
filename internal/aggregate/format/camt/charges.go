// Sums the charges of entries and transactions.

package camt

import (
	"cmp"

	"bursar/internal/aggregate/format/statement"
)

// chargeSum adds up the charges of an entry or of a transaction.
type chargeSum struct {
	stated, unusable bool
	records          int // in the open <Chrgs>
	total, included  statement.Sum
}

// chargeFields are the texts of one charge.
type chargeFields struct {
	amount              money
	direction, included string
}

// chargePaths binds charges: early versions have one <Chrgs> for each charge, later ones have records in one <Chrgs>.
func chargePaths(sum func(*message) *chargeSum) []binding {
	single := []binding{
		{path: "Amt", money: func(f *fields) *money { return &f.charge.amount }},
		{path: "CdtDbtInd", text: func(f *fields) *string { return &f.charge.direction }},
		{path: "ChrgInclInd", text: func(f *fields) *string { return &f.charge.included }},
	}
	begin := func(m *message) {
		m.fields.charge, m.fields.chargesTotal, sum(m).records = chargeFields{}, money{}, 0
	}
	add := func(m *message) {
		if m.fields.charge.amount.text != "" {
			sum(m).add(&m.fields.charge, m.currencyOfEntry())
		}
		m.fields.charge = chargeFields{}
	}
	end := func(m *message) {
		if sum(m).records == 0 && m.fields.charge.amount.text == "" {
			m.fields.charge.amount = m.fields.chargesTotal
		}
		add(m)
	}
	return []binding{group("Chrgs", begin, end, single, []binding{
		{path: "TtlChrgsAndTaxAmt", money: func(f *fields) *money { return &f.chargesTotal }},
		group("Rcrd", nil, add, single),
	})}
}

// add adds a charge. Without a direction, the account pays it.
func (c *chargeSum) add(f *chargeFields, currency string) {
	c.stated = true
	c.records++
	amount := signed(f.amount.text, cmp.Or(f.direction, debit))
	if f.amount.currency != "" && f.amount.currency != currency || !c.total.Add(amount) {
		c.unusable = true
		return
	}
	if f.included == "true" || f.included == "1" {
		c.included.Add(amount)
	}
}

// sums returns the charges for the handler; nil if none are stated.
func (c *chargeSum) sums() *statement.Charges {
	if !c.stated {
		return nil
	}
	return &statement.Charges{All: c.total.String(), Included: c.included.String(), Unusable: c.unusable}
}

// currencyOfEntry is the currency of the entry, and of its details unless they state another one.
func (m *message) currencyOfEntry() string {
	return cmp.Or(m.fields.entry.amount.currency, m.statement.Currency)
}
