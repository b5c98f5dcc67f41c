// Reads statements of bank accounts and credit cards.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// statementState is the open statement, and what is known of the response around it.
type statementState struct {
	serverTime     string // DTSERVER
	transactionUID string // TRNUID
	element        string // name of the statement's element; "" outside a statement
	begun          bool   // it has been reported
	listed         bool   // it has a list of entries
	account        []statement.Field
	asOf           string // of an investment statement
	start, end     string
	foreign        foreignEntries
	seen           map[referenceHash]firstEntry // the first entry of each FITID
	corrections
	statement.Statement
}

// setValue stores a value that is not part of a record. The first one of its name counts.
func (w *statementState) setValue(name, value string) {
	var target *string
	switch name {
	case "TRNUID":
		w.transactionUID = value
		return
	case "CURDEF":
		target, value = &w.Currency, strings.ToUpper(value)
	case "DTSTART":
		target = &w.start
	case "DTEND":
		target = &w.end
	case "DTASOF":
		target = &w.asOf
	default:
		return
	}
	if w.element != "" && *target == "" {
		*target = value
	}
	w.From, w.To = optionalDate(w.start), optionalDate(w.end)
}

func (w *statementState) isBank() bool { return w.element == "STMTRS" || w.element == "CCSTMTRS" }

// enterStatement opens a statement.
func (p *reader) enterStatement(e *element) {
	p.current = statementState{serverTime: p.current.serverTime, transactionUID: p.current.transactionUID, element: e.name}
	p.current.Statement = statement.Statement{
		Place: e.place, Format: p.format, Kind: statement.Booked,
		Created: parseTimestamp(p.current.serverTime).String(),
	}
}

// beginStatement reports the statement, once. Its first entry, balance or position, or its end, shows that its
// account is complete.
func (p *reader) beginStatement() {
	if p.current.element == "" || p.current.begun {
		return
	}
	p.current.begun = true
	if !p.current.isBank() {
		p.investment()
		return
	}
	p.emitNotice(p.current.Place, "account", p.current.account...)
	p.summary.statements = true
	p.out.Begin(&p.current.Statement)
}

// leaveStatement ends a statement.
func (p *reader) leaveStatement() {
	p.beginStatement()
	bank := p.current.isBank()
	p.current.element = ""
	if bank {
		p.out.End()
		p.current.foreign.emit(&p.out, p.current.Statement)
	}
}

// emitBalance reports the balance of the record.
func (p *reader) emitBalance() { p.emitBalanceAt(0) }

// emitBalanceAt reports the balance of an element of the record. A balance without an amount cannot be checked and
// becomes a notice.
func (p *reader) emitBalanceAt(parent int) {
	r := &p.record
	value, asOf := r.valueAt(parent, "BALAMT"), r.valueAt(parent, "DTASOF")
	if !p.current.isBank() || value == "" {
		p.emitNotice(r.place, "balance", field("name", r.nodes[parent].name), field("value", value), field("date", timestampText(asOf)))
		return
	}
	b := statement.Balance{
		Place: r.place, Code: statement.ClosingAvailable, Amount: amount(value), Currency: p.current.Currency, Date: optionalDate(asOf),
	}
	if r.nodes[parent].name == "LEDGERBAL" {
		b.Code = statement.ClosingBooked
		if created := parseTimestamp(asOf).String(); created != "" {
			p.current.Created = created
		}
	}
	p.beginStatement()
	p.out.Balance(&b)
}
