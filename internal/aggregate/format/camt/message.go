// Builds a message's statements and balances from the fields of their elements.

package camt

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// message collects the fields of the open elements and reports statements, balances and entries to the handler.
type message struct {
	out    statement.Emitter
	walk   *walk
	fields fields

	kind                statement.Kind
	format              string
	foundMessage        bool // the file contains a message
	statements          int  // in the file
	statementsInMessage int  // in the open message

	statementBegun     bool // the handler knows the open statement
	statement          statement.Statement
	balance            statement.Balance
	balanceCurrencies  []string // of the open statement
	entry              statement.Entry
	details            int              // of the open entry, so far
	firstDetail        statement.Detail // kept until it is known whether it is the only one
	firstWithoutAmount bool             // firstDetail states no amount
	detail             statement.Detail
	operations         operationCount
	entryCharges       chargeSum // of the open entry
	detailCharges      chargeSum // of the open detail
}

func (m *message) start(n *node, attributes []xml.Attr) {
	if n.money != nil {
		isCurrency := func(a xml.Attr) bool { return a.Name.Local == "Ccy" && a.Name.Space == "" }
		if i := slices.IndexFunc(attributes, isCurrency); i >= 0 {
			m.set(n, &n.money(&m.fields).currency, strings.TrimSpace(attributes[i].Value))
		}
	}
	if n.onStart != nil {
		n.onStart(m)
	}
}

func (m *message) end(n *node, text []byte) {
	switch {
	case len(text) == 0 || !n.keepsText():
	case n.join != nil:
		m.appendText(n.join(&m.fields), text)
	default:
		m.set(n, n.target(&m.fields), string(text))
	}
	if n.onEnd != nil {
		n.onEnd(m)
	}
}

// set stores a text. It refuses a text that comes after its statement or entry was reported, because it would be
// lost, and a second text that differs, because it is unknown which one is right.
func (m *message) set(n *node, target *string, text string) {
	switch {
	case n.deadline == statementBegun && m.statementBegun:
		m.walk.fail(m.walk.refuse("<%s> comes after the statement's balances or entries", n.name).Advise("the schema requires it before them"))
	case n.deadline == detailsBegun && m.details > 0:
		m.walk.fail(m.walk.refuse("<%s> comes after the entry's details", n.name).Advise("the schema requires it before them"))
	case *target == "":
		*target = text
	case *target != text:
		m.walk.fail(m.walk.refuse("<%s> is given twice: %.40q and %.40q", n.name, *target, text))
	}
}

func (m *message) appendText(target *[]byte, text []byte) {
	if len(*target)+len(text) >= statement.MaxValue {
		m.walk.refuseLong()
		return
	}
	if len(*target) > 0 {
		*target = append(*target, ' ')
	}
	*target = append(*target, text...)
}

// startStatement opens a statement. The handler gets it with the first balance or entry, or at the end.
func (m *message) startStatement() {
	m.fields.statement = statementFields{}
	m.statement = statement.Statement{Place: m.walk.place}
	m.statementBegun, m.balanceCurrencies = false, m.balanceCurrencies[:0]
	m.statements++
	m.statementsInMessage++
}

// beginStatement reports the statement to the handler, once, when everything before its balances and entries is
// known.
func (m *message) beginStatement() {
	if m.statementBegun {
		return
	}
	m.statementBegun = true
	f, s := &m.fields.statement, &m.statement
	s.Account, s.IBAN = f.account.accountNumber()
	if s.Account == "" {
		m.out.Fail(statement.Refuse(s.Place, "the statement states no account").Advise("ask the bank for <Acct> with an <Id>"))
	}
	s.Format, s.Kind = m.format, m.kind
	s.Servicer = cmp.Or(f.servicer.name(), f.servicer.fullName)
	s.Name, s.Currency = cmp.Or(f.name, f.owner), f.currency
	s.Reference = f.id
	m.setPage()
	s.Number = cmp.Or(f.electronic, f.legal)
	s.Created = cmp.Or(f.created, m.fields.message.created)
	s.From, s.To = date(f.from), date(f.to)
	m.out.Begin(s)
}

func (m *message) endStatement() {
	m.beginStatement()
	m.statement.Stated = m.fields.statement.totals()
	m.out.End()
}

// totals returns the stated totals. The gross sum of credits and debits gives the net sum only if one of the two is
// empty.
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

func (m *message) startBalance() {
	m.fields.balance = balanceFields{}
	m.balance = statement.Balance{Place: m.walk.place}
	m.beginStatement()
}

func (m *message) endBalance() {
	f, b := &m.fields.balance, &m.balance
	b.Code, b.Subtype, b.Date = f.code, f.subtype, date(f.date)
	b.Amount, b.Currency = signed(f.amount.text, f.direction), cmp.Or(f.amount.currency, m.statement.Currency)
	if !slices.Contains(m.balanceCurrencies, b.Currency) {
		m.balanceCurrencies = append(m.balanceCurrencies, b.Currency)
	}
	m.out.Balance(b)
}

func (m *message) finish() {
	switch {
	case !m.foundMessage:
		m.walk.fail(m.walk.refuse("<%.40s> contains no CAMT message", m.walk.root).
			Advise("<BkToCstmrStmt>, <BkToCstmrAcctRpt> or <BkToCstmrDbtCdtNtfctn> is expected"))
	case m.statements == 0:
		m.walk.fail(m.walk.refuse("the message contains no statement").Advise("ask the bank for a message with <Stmt>, <Rpt>, <Ntfctn>"))
	}
}

// setPage sets the statement's page number and whether there are other pages. Versions whose statements have no pages
// have pages of messages: the first statement of a later page may continue the previous one, and any statement of a
// page that is not the last may continue on the next.
func (m *message) setPage() {
	s, f := &m.statement, &m.fields
	s.Page, s.MorePages = f.statement.page, isNo(f.statement.last)
	if s.Page == "" {
		s.MoreMessages = isNo(f.message.last)
		if page := f.message.page; statement.IsLaterPage(page) && m.statementsInMessage == 1 || s.MoreMessages {
			s.Page = page
		}
	}
	s.Partial = statement.IsLaterPage(s.Page) || s.Page != "" && s.MorePages || s.MoreMessages
}

func isNo(text string) bool { return text == "false" || text == "0" }
