// Builds entries, their details and their charges from the fields of their elements.

package camt

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

func (m *message) startEntry() {
	m.fields.entry = entryFields{}
	m.entry = statement.Entry{Place: m.walk.place}
	m.details, m.operations = 0, operationCount{}
	m.entryCharges = chargeSum{}
	m.beginStatement()
}

// beginEntry reports the entry to the handler, without its details.
func (m *message) beginEntry() {
	m.useCounterValue()
	f, e := &m.fields.entry, &m.entry
	e.Amount, e.Currency = signed(f.amount.text, f.direction), cmp.Or(f.amount.currency, m.statement.Currency)
	e.Booked, e.Value = date(f.booked), date(f.value)
	e.Status, e.Reversal = strings.ToUpper(f.status), f.reversal == "true" || f.reversal == "1"
	e.Reference, e.Own, e.Code = statement.NormalizeReference(f.reference), f.ownReference, f.code()
	m.out.Entry(e)
}

// code is the bank transaction code: "PMNT/RCDT/BOOK", or the bank's proprietary code.
func (f *entryFields) code() string {
	if f.domain == "" {
		return f.ownCode
	}
	return strings.TrimRight(f.domain+"/"+f.family+"/"+f.subfamily, "/")
}

// endEntry closes an entry. Whether a detail is the only one is known only now. If so, the entry and the detail
// describe the same payment, and each supplies the fields that the other lacks.
func (m *message) endEntry() {
	if m.details == 1 {
		m.entry.Party, m.entry.Peer = m.firstDetail.Party, m.firstDetail.Peer
	}
	if m.details <= 1 {
		m.useDetailCounterValue()
		m.beginEntry()
	}
	if m.details == 1 {
		if m.firstWithoutAmount {
			f := &m.fields
			m.firstDetail.Amount, m.firstDetail.Currency = signed(f.entry.amount.text, m.direction()), m.entry.Currency
		}
		m.out.Detail(&m.firstDetail)
	}
	m.entry.Text, m.entry.Operations = m.fields.entry.text, m.operations.String()
	m.entry.Charges = m.entryCharges.sums()
	m.out.EndEntry()
}

func (m *message) startDetail() {
	m.useCounterValue()
	f := &m.fields.detail
	*f = detailFields{remittance: f.remittance[:0], structured: f.structured[:0]}
	m.detail = statement.Detail{Place: m.walk.place}
	m.detailCharges = chargeSum{}
}

// endDetail reports a detail, but keeps the first one until it is known whether there are others.
func (m *message) endDetail() {
	withoutAmount := m.readDetail()
	m.details++
	switch m.details {
	case 1:
		m.firstDetail, m.firstWithoutAmount = m.detail, withoutAmount
		return
	case 2:
		m.beginEntry()
		m.out.Detail(&m.firstDetail)
	}
	m.out.Detail(&m.detail)
}

// readDetail builds a detail and reports whether it states no amount.
func (m *message) readDetail() (withoutAmount bool) {
	f, d := &m.fields.detail, &m.detail
	amount := f.chooseAmount(m.currencyOfEntry())
	if amount.text != "" {
		d.Amount, d.Currency = signed(amount.text, m.direction()), cmp.Or(amount.currency, m.statement.Currency)
	}
	d.Instructed, d.Charges = amount == &f.instructed || amount == &f.counterValue, m.detailCharges.sums()
	d.Reference, d.Transaction = f.reference, f.transaction
	d.EndToEnd, d.Instruction, d.Mandate = f.endToEnd, f.instruction, f.mandate
	d.Text = cmp.Or(string(f.remittance), string(f.structured), f.text)
	d.SettlementDate = date(f.settlementDate)
	other := m.otherSide()
	d.Party, d.Bank = cmp.Or(other.name, other.ultimate), other.bank.name()
	d.Peer, _ = other.account.accountNumber()
	return amount.text == ""
}

// chooseAmount returns the amount in the entry's currency, or else the first that is stated. The counter value, which
// is the result of an exchange, is used only if it is in that currency.
func (f *detailFields) chooseAmount(currency string) *money {
	amounts := [...]*money{&f.amount, &f.transacted, &f.instructed, &f.counterValue}
	for _, m := range amounts {
		if m.text != "" && m.currency == currency {
			return m
		}
	}
	for _, m := range amounts[:3] {
		if m.text != "" {
			return m
		}
	}
	return &f.amount
}

// direction is the direction of the detail, or else of its entry.
func (m *message) direction() string {
	return cmp.Or(m.fields.detail.direction, m.fields.entry.direction)
}

// otherSide is the counterparty: the debtor of a credit, the creditor of a debit. A side with the statement's own
// account is never the counterparty: in a reversal, banks keep the sides of the reversed entry.
func (m *message) otherSide() *side {
	f, direction := &m.fields.detail, m.direction()
	other, own := &f.debtor, &f.creditor
	if direction == debit || direction == "" && strings.HasPrefix(cmp.Or(f.amount.text, m.fields.entry.amount.text), "-") {
		other, own = own, other
	}
	if m.isOwnSide(other) && !m.isOwnSide(own) {
		return own
	}
	return other
}

func (m *message) isOwnSide(s *side) bool {
	number, _ := s.account.accountNumber()
	return number == m.statement.Account
}

// operationCount adds up the operations of an entry's batches.
type operationCount struct {
	sum     uint64
	stated  bool
	invalid string // the first text that is not a valid number
}

func (m *message) countOperations() {
	text := m.fields.entry.operations
	m.fields.entry.operations = ""
	if text == "" {
		return
	}
	m.operations.stated = true
	const digits = 15 // of Max15NumericText
	if n, err := strconv.ParseUint(text, 10, 63); err == nil && len(text) <= digits && m.operations.sum+n <= math.MaxInt64 {
		m.operations.sum += n
	} else {
		m.operations.invalid = cmp.Or(m.operations.invalid, text)
	}
}

// String returns the sum, "" if no number is stated, or the first text that is not a valid number.
func (o *operationCount) String() string {
	if !o.stated || o.invalid != "" {
		return o.invalid
	}
	return strconv.FormatUint(o.sum, 10)
}

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

// chargeSum adds up the charges of an entry or of a transaction.
type chargeSum struct {
	stated, unusable bool
	records          int // in the open <Chrgs>
	total, included  statement.Sum
}

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
