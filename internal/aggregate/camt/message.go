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
	fields  fields

	kind                statement.Kind
	format              string
	foundMessage        bool // a message
	statements          int  // in all
	statementsInMessage int  // in the one at hand

	statementBegun     bool // the statement at hand
	statement          statement.Statement
	balance            statement.Balance
	balanceCurrencies  []string // currencies of the statement's balances
	entry              statement.Entry
	details            int              // of the entry so far
	firstDetail        statement.Detail // the first one, until it is known whether it is the only one
	firstWithoutAmount bool             // it has no amount of its own
	detail             statement.Detail
	operations         operationCount
	entryCharges       chargeSum // of the entry
	detailCharges      chargeSum // of the detail
}

// open begins a message.
func (m *message) open(kind statement.Kind, format string) {
	m.kind, m.format, m.foundMessage, m.fields, m.statementsInMessage = kind, format, true, fields{}, 0
}

// start is told of an element on a path.
func (m *message) start(n *node, attributes []xml.Attr) error {
	if n.money != nil {
		if err := m.setCurrency(n, attributes); err != nil {
			return err
		}
	}
	if n.onStart != nil {
		return n.onStart(m)
	}
	return nil
}

// setCurrency takes an amount's attribute.
func (m *message) setCurrency(n *node, attributes []xml.Attr) error {
	for i := range attributes {
		if attributes[i].Name.Local == "Ccy" && attributes[i].Name.Space == "" {
			return m.set(n, &n.money(&m.fields).currency, strings.TrimSpace(attributes[i].Value))
		}
	}
	return nil
}

// end is told of a path's element's end, and of its text.
func (m *message) end(n *node, text []byte) error {
	var err error
	switch {
	case len(text) == 0 || !n.keepsText():
	case n.join != nil:
		err = m.appendText(n.join(&m.fields), text)
	default:
		err = m.set(n, n.target(&m.fields), string(text))
	}
	if err != nil {
		return err
	}
	if n.onEnd != nil {
		return n.onEnd(m)
	}
	return nil
}

// set keeps a fact, once and in time: one that comes when its statement or entry has been told would be lost, and
// of two that differ none is to be believed.
func (m *message) set(n *node, target *string, text string) error {
	switch {
	case n.deadline == statementBegun && m.statementBegun:
		return m.walk.refuse("<%s> comes after the statement's balances or entries", n.name).Advise("the schema wants it before them")
	case n.deadline == detailsBegun && m.details > 0:
		return m.walk.refuse("<%s> comes after the entry's details", n.name).Advise("the schema wants it before them")
	case *target == "":
		*target = text
	case *target != text:
		return m.walk.refuse("<%s> is given twice: %.40q and %.40q", n.name, *target, text)
	}
	return nil
}

// appendText keeps a text that may be given many times.
func (m *message) appendText(target *[]byte, text []byte) error {
	if len(*target)+len(text) >= statement.MaxValue {
		return m.walk.refuseLong()
	}
	if len(*target) > 0 {
		*target = append(*target, ' ')
	}
	*target = append(*target, text...)
	return nil
}

// startStatement opens a statement; the handler is told with the first balance or entry, or at the end.
func (m *message) startStatement() error {
	m.fields.statement = statementFields{}
	m.statement = statement.Statement{Place: m.walk.place}
	m.statementBegun, m.balanceCurrencies = false, m.balanceCurrencies[:0]
	m.statements++
	m.statementsInMessage++
	return nil
}

// beginStatement begins the statement for the handler, when all that comes before its balances and entries is known.
func (m *message) beginStatement() error {
	if m.statementBegun {
		return nil
	}
	m.statementBegun = true
	f, s := &m.fields.statement, &m.statement
	s.Account, s.IBAN = f.account.accountNumber()
	if s.Account == "" {
		return statement.Refuse(s.Place, "the statement names no account").Advise("ask the bank for <Acct> with an <Id>")
	}
	s.Format, s.Kind = m.format, m.kind
	s.Servicer = firstNonEmpty(f.servicer.name(), f.servicer.fullName)
	s.Name, s.Currency = firstNonEmpty(f.name, f.owner), f.currency
	s.Reference = f.id
	m.setPage()
	s.Number = firstNonEmpty(f.electronic, f.legal)
	s.Created = firstNonEmpty(f.created, m.fields.message.created)
	s.From, s.To = date(f.from), date(f.to)
	return m.handler.Begin(s)
}

// endStatement closes a statement with the totals that the bank states.
func (m *message) endStatement() error {
	if err := m.beginStatement(); err != nil {
		return err
	}
	m.statement.Stated = m.fields.statement.totals()
	return m.handler.End()
}

// totals are the totals. The sum of credits and debits together says nothing of the net, unless one side is empty.
func (f *statementFields) totals() statement.Totals {
	s := statement.Totals{
		Count: f.count, CreditCount: f.creditCount, DebitCount: f.debitCount,
		Sum: signedTotal(f.net, f.direction), CreditSum: signed(f.creditSum, ""), DebitSum: strings.TrimPrefix(signed(f.debitSum, ""), "-"),
	}
	switch {
	case f.net != "" || f.gross == "":
	case isZero(f.debitCount) || isZero(f.debitSum):
		s.Sum = signed(f.gross, "")
	case isZero(f.creditCount) || isZero(f.creditSum):
		s.Sum = signedTotal(f.gross, debit)
	}
	return s
}

func (m *message) startBalance() error {
	m.fields.balance = balanceFields{}
	m.balance = statement.Balance{Place: m.walk.place}
	return m.beginStatement()
}

func (m *message) endBalance() error {
	f, b := &m.fields.balance, &m.balance
	b.Code, b.Subtype, b.Date = f.code, f.subtype, date(f.date)
	b.Amount, b.Currency = signed(f.amount.text, f.direction), firstNonEmpty(f.amount.currency, m.statement.Currency)
	if !slices.Contains(m.balanceCurrencies, b.Currency) {
		m.balanceCurrencies = append(m.balanceCurrencies, b.Currency)
	}
	return m.handler.Balance(b)
}

// finish judges the message at the end of its file.
func (m *message) finish() error {
	switch {
	case !m.foundMessage:
		return m.walk.refuse("<%.40s> holds no CAMT message", m.walk.root).
			Advise("<BkToCstmrStmt>, <BkToCstmrAcctRpt> or <BkToCstmrDbtCdtNtfctn> is expected")
	case m.statements == 0:
		return m.walk.refuse("the message holds no statement").Advise("ask the bank for one with <" + strings.Join(statementElements, ">, <") + ">")
	}
	return nil
}

// statementElements are what a message calls its statements.
var statementElements = []string{"Stmt", "Rpt", "Ntfctn"}
