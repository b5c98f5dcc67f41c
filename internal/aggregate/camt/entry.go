// An entry and its details, from facts to what a handler is told.

package camt

import (
	"math"
	"strconv"
	"strings"

	"bursar/internal/aggregate/statement"
)

func (m *message) startEntry() error {
	m.facts.entry = entryFacts{}
	m.entry = statement.Entry{Place: m.walk.place}
	m.details, m.batches = 0, operations{}
	m.charged = charged{}
	return m.emit()
}

// emitEntry tells an entry without its details.
func (m *message) emitEntry() error {
	m.convert()
	f, e := &m.facts.entry, &m.entry
	e.Amount, e.Currency = signed(f.amount.text, f.direction), first(f.amount.currency, m.statement.Currency)
	e.Booked, e.Value = date(f.booked), date(f.value)
	e.Status, e.Reversal = strings.ToUpper(f.status), f.reversal == "true" || f.reversal == "1"
	e.Reference, e.Own, e.Code = statement.Named(f.reference), f.own, f.code()
	return m.handler.Entry(e)
}

// code is the bank transaction code: "PMNT/RCDT/BOOK", or the bank's own.
func (f *entryFacts) code() string {
	if f.domain == "" {
		return f.ownCode
	}
	return strings.TrimRight(f.domain+"/"+f.family+"/"+f.sub, "/")
}

// endEntry closes an entry. Only now is it known of a single detail that it is the only one: then both tell of the same, and
// what one of them does not say is the other's.
func (m *message) endEntry() error {
	if m.details == 1 {
		m.entry.Party, m.entry.Peer = m.firstDetail.Party, m.firstDetail.Peer
	}
	if m.details <= 1 {
		m.convertByDetail()
		if err := m.emitEntry(); err != nil {
			return err
		}
	}
	if m.details == 1 {
		if m.bare {
			f := &m.facts
			m.firstDetail.Amount, m.firstDetail.Currency = signed(f.entry.amount.text, m.direction()), m.entry.Currency
		}
		if err := m.handler.Detail(&m.firstDetail); err != nil {
			return err
		}
	}
	m.entry.Text, m.entry.Operations = m.facts.entry.text, m.batches.String()
	m.entry.Charges = m.charged.sums()
	return m.handler.EndEntry()
}

func (m *message) startDetail() error {
	m.convert()
	f := &m.facts.detail
	*f = detailFacts{remittance: f.remittance[:0], structured: f.structured[:0]}
	m.detail = statement.Detail{Place: m.walk.place}
	m.taken = charged{}
	return nil
}

// endDetail holds the first detail back, and tells the others.
func (m *message) endDetail() error {
	bare := m.readDetail()
	m.details++
	switch m.details {
	case 1:
		m.firstDetail, m.bare = m.detail, bare
		return nil
	case 2:
		if err := m.emitEntry(); err != nil {
			return err
		}
		if err := m.handler.Detail(&m.firstDetail); err != nil {
			return err
		}
	}
	return m.handler.Detail(&m.detail)
}

// readDetail puts a detail together, and tells whether it has no amount of its own.
func (m *message) readDetail() (bare bool) {
	f, d := &m.facts.detail, &m.detail
	amount := f.pick(m.currencyOfEntry())
	if amount.text != "" {
		d.Amount, d.Currency = signed(amount.text, m.direction()), first(amount.currency, m.statement.Currency)
	}
	d.Instructed, d.Charges = amount == &f.instructed || amount == &f.counter, m.taken.sums()
	d.Reference, d.Transaction = f.reference, f.transaction
	d.EndToEnd, d.Instruction, d.Mandate = f.endToEnd, f.instruction, f.mandate
	d.Text = first(string(f.remittance), string(f.structured), f.text)
	d.Settled = date(f.settled)
	other := m.other()
	d.Party, d.Bank = first(other.name, other.ultimate), other.bank.name()
	d.Peer, _ = other.account.number()
	return amount.text == ""
}

// pick chooses the amount in the entry's currency, else the first that is given. The counter value, what a foreign amount was
// changed into, is of use only where it is in that currency.
func (f *detailFacts) pick(currency string) *money {
	amounts := [...]*money{&f.amount, &f.transacted, &f.instructed, &f.counter}
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

// direction is the detail's own, or else its entry's.
func (m *message) direction() string { return first(m.facts.detail.direction, m.facts.entry.direction) }

// other is a transaction's other side: of a credit the debtor, of a debit the creditor. A side that has the statement's own
// account is not the other one: where an entry takes back an earlier one, banks keep the earlier one's sides.
func (m *message) other() *side {
	f := &m.facts.detail
	far, near := &f.debtor, &f.creditor
	if debits(first(m.facts.detail.amount.text, m.facts.entry.amount.text), m.direction()) {
		far, near = near, far
	}
	if m.own(far) && !m.own(near) {
		return near
	}
	return far
}

// own tells whether a side has the statement's account.
func (m *message) own(s *side) bool {
	number, _ := s.account.number()
	return number == m.statement.Account
}

// operations adds up how many operations an entry's batches have.
type operations struct {
	sum     uint64
	given   bool
	strange string // the first number that is none
}

// count takes in the batch's number.
func (m *message) count() error {
	text := m.facts.entry.operations
	m.facts.entry.operations = ""
	if text == "" {
		return nil
	}
	m.batches.given = true
	const digits = 15 // of Max15NumericText
	if n, err := strconv.ParseUint(text, 10, 63); err == nil && len(text) <= digits && m.batches.sum+n <= math.MaxInt64 {
		m.batches.sum += n
	} else {
		m.batches.strange = first(m.batches.strange, text)
	}
	return nil
}

// String is the sum, empty where none is stated; a number that is none stays as it is written.
func (o *operations) String() string {
	if !o.given || o.strange != "" {
		return o.strange
	}
	return strconv.FormatUint(o.sum, 10)
}
