// A message's statements and balances, from facts to what a handler is told.

package camt

import (
	"encoding/xml"
	"slices"
	"strings"

	"bursar/internal/aggregate/statement"
)

// message puts together what the elements say, and tells the handler.
type message struct {
	handler statement.Handler
	walk    *walk
	facts   facts

	kind       statement.Kind
	format     string
	found      bool // a message
	statements int  // in all
	inMessage  int  // in the one at hand

	began             bool // the statement at hand
	statement         statement.Statement
	balance           statement.Balance
	balanceCurrencies []string // currencies of the statement's balances
	entry             statement.Entry
	details           int              // of the entry so far
	firstDetail       statement.Detail // the first one, until it is known whether it is the only one
	bare              bool             // it has no amount of its own
	detail            statement.Detail
	batches           operations
	charged           charged // of the entry
	taken             charged // of the detail
}

// open begins a message.
func (m *message) open(kind statement.Kind, format string) {
	m.kind, m.format, m.found, m.facts, m.inMessage = kind, format, true, facts{}, 0
}

// start is told of an element on a path.
func (m *message) start(n *node, attributes []xml.Attr) error {
	if n.money != nil {
		if err := m.currency(n, attributes); err != nil {
			return err
		}
	}
	if n.opens != nil {
		return n.opens(m)
	}
	return nil
}

// currency takes an amount's attribute.
func (m *message) currency(n *node, attributes []xml.Attr) error {
	for i := range attributes {
		if attributes[i].Name.Local == "Ccy" && attributes[i].Name.Space == "" {
			return m.put(n, &n.money(&m.facts).currency, strings.TrimSpace(attributes[i].Value))
		}
	}
	return nil
}

// end is told of a path's element's end, and of its text.
func (m *message) end(n *node, text []byte) error {
	var err error
	switch {
	case len(text) == 0 || !n.takes():
	case n.join != nil:
		err = m.join(n.join(&m.facts), text)
	default:
		err = m.put(n, n.target(&m.facts), string(text))
	}
	if err != nil {
		return err
	}
	if n.closes != nil {
		return n.closes(m)
	}
	return nil
}

// put keeps a fact, once and in time: one that comes when its statement or entry has been told would be lost, and
// of two that differ none is to be believed.
func (m *message) put(n *node, target *string, text string) error {
	switch {
	case n.until == begun && m.began:
		return m.walk.refuse("<%s> comes after the statement's balances or entries", n.name).Advise("the schema wants it before them")
	case n.until == detailed && m.details > 0:
		return m.walk.refuse("<%s> comes after the entry's details", n.name).Advise("the schema wants it before them")
	case *target == "":
		*target = text
	case *target != text:
		return m.walk.refuse("<%s> is given twice: %.40q and %.40q", n.name, *target, text)
	}
	return nil
}

// join keeps a text that may be given many times.
func (m *message) join(target *[]byte, text []byte) error {
	if len(*target)+len(text) >= statement.MaxValue {
		return m.walk.long()
	}
	if len(*target) > 0 {
		*target = append(*target, ' ')
	}
	*target = append(*target, text...)
	return nil
}

// begin opens a statement; the handler is told with the first balance or entry, or at the end.
func (m *message) begin() error {
	m.facts.statement = statementFacts{}
	m.statement = statement.Statement{Place: m.walk.place}
	m.began, m.balanceCurrencies = false, m.balanceCurrencies[:0]
	m.statements++
	m.inMessage++
	return nil
}

// emit begins the statement for the handler, when all that comes before its balances and entries is known.
func (m *message) emit() error {
	if m.began {
		return nil
	}
	m.began = true
	f, s := &m.facts.statement, &m.statement
	s.Account, s.IBAN = f.account.number()
	if s.Account == "" {
		return statement.Refuse(s.Place, "the statement names no account").Advise("ask the bank for <Acct> with an <Id>")
	}
	s.Format, s.Kind = m.format, m.kind
	s.Servicer = first(f.servicer.name(), f.servicer.called)
	s.Name, s.Currency = first(f.name, f.owner), f.currency
	s.Reference = f.id
	m.page()
	s.Number = first(f.electronic, f.legal)
	s.Created = first(f.created, m.facts.message.created)
	s.From, s.To = date(f.from), date(f.to)
	return m.handler.Begin(s)
}

// endStatement closes a statement with the totals that the bank states.
func (m *message) endStatement() error {
	if err := m.emit(); err != nil {
		return err
	}
	m.statement.Stated = m.facts.statement.stated()
	return m.handler.End()
}

// stated are the totals. The sum of credits and debits together says nothing of the net, unless one side is empty.
func (f *statementFacts) stated() statement.Stated {
	s := statement.Stated{
		Count: f.count, CreditCount: f.creditCount, DebitCount: f.debitCount,
		Sum: total(f.net, f.direction), CreditSum: signed(f.creditSum, ""), DebitSum: strings.TrimPrefix(signed(f.debitSum, ""), "-"),
	}
	switch {
	case f.net != "" || f.gross == "":
	case isZero(f.debitCount) || isZero(f.debitSum):
		s.Sum = signed(f.gross, "")
	case isZero(f.creditCount) || isZero(f.creditSum):
		s.Sum = total(f.gross, debit)
	}
	return s
}

func (m *message) startBalance() error {
	m.facts.balance = balanceFacts{}
	m.balance = statement.Balance{Place: m.walk.place}
	return m.emit()
}

func (m *message) endBalance() error {
	f, b := &m.facts.balance, &m.balance
	b.Code, b.Subtype, b.Date = f.code, f.subtype, date(f.date)
	b.Amount, b.Currency = signed(f.amount.text, f.direction), first(f.amount.currency, m.statement.Currency)
	if !slices.Contains(m.balanceCurrencies, b.Currency) {
		m.balanceCurrencies = append(m.balanceCurrencies, b.Currency)
	}
	return m.handler.Balance(b)
}

// finish judges the message at the end of its file.
func (m *message) finish() error {
	switch {
	case !m.found:
		return m.walk.refuse("<%.40s> holds no CAMT message", m.walk.root).
			Advise("<BkToCstmrStmt>, <BkToCstmrAcctRpt> or <BkToCstmrDbtCdtNtfctn> is expected")
	case m.statements == 0:
		return m.walk.refuse("the message holds no statement").Advise("ask the bank for one with <" + strings.Join(parts, ">, <") + ">")
	}
	return nil
}

// parts are what a message calls its statements.
var parts = []string{"Stmt", "Rpt", "Ntfctn"}
