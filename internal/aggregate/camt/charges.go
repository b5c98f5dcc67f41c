// Charges of entries and transactions.

package camt

import "bursar/internal/aggregate/statement"

// charged adds up the charges of an entry or of a transaction. Its zero value is none.
type charged struct {
	stated, strange bool
	records         int // in the element at hand
	all, included   statement.Sum
}

// chargeFacts is one charge.
type chargeFacts struct {
	amount              money
	direction, included string
}

// charges are the rows of charges: earlier versions have an element for each, later ones have records in one.
func charges(at func(*message) *charged) []row {
	one := []row{
		{path: "Amt", money: func(f *facts) *money { return &f.charge.amount }},
		{path: "CdtDbtInd", text: func(f *facts) *string { return &f.charge.direction }},
		{path: "ChrgInclInd", text: func(f *facts) *string { return &f.charge.included }},
	}
	begin := func(m *message) error {
		m.facts.charge, m.facts.charges, at(m).records = chargeFacts{}, money{}, 0
		return nil
	}
	take := func(m *message) {
		if m.facts.charge.amount.text != "" {
			at(m).add(&m.facts.charge, m.currencyOfEntry())
		}
		m.facts.charge = chargeFacts{}
	}
	record := func(m *message) error {
		take(m)
		return nil
	}
	end := func(m *message) error {
		if at(m).records == 0 && m.facts.charge.amount.text == "" {
			m.facts.charge.amount = m.facts.charges
		}
		take(m)
		return nil
	}
	return []row{group("Chrgs", begin, end, one, []row{
		{path: "TtlChrgsAndTaxAmt", money: func(f *facts) *money { return &f.charges }},
		group("Rcrd", nil, record, one),
	})}
}

// add takes a charge in; the account pays it if nothing else is said.
func (c *charged) add(f *chargeFacts, currency string) {
	c.stated = true
	c.records++
	amount := signed(f.amount.text, first(f.direction, debit))
	if f.amount.currency != "" && f.amount.currency != currency || !c.all.Add(amount) {
		c.strange = true
		return
	}
	if f.included == "true" || f.included == "1" {
		c.included.Add(amount)
	}
}

// sums are the charges as they are told; nil if there are none.
func (c *charged) sums() *statement.Charges {
	if !c.stated {
		return nil
	}
	return &statement.Charges{All: c.all.String(), Included: c.included.String(), Strange: c.strange}
}

// currencyOfEntry is what amounts of the entry and its details are in.
func (m *message) currencyOfEntry() string {
	return first(m.facts.entry.amount.currency, m.statement.Currency)
}
