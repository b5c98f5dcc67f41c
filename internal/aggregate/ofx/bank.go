// Statements of bank accounts and credit cards.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// statementState is what is known of the statement being read before it is told, and of the answer around it.
type statementState struct {
	serverTime string // when the bank answered
	request    string // TRNUID
	report     string // the element; empty outside a statement
	begun      bool   // it has been told
	listed     bool   // a list has begun in it
	account    []statement.Field
	asOf       string // of an investment statement
	start, end string
	foreign    foreignEntries
	seen       map[referenceHash]firstEntry // of each FITID the first entry
	corrections
	statement.Statement
}

// set takes a value that stands in no record. The first one of its name counts.
func (w *statementState) set(name, value string) {
	var to *string
	switch name {
	case "TRNUID":
		w.request = value
		return
	case "CURDEF":
		to, value = &w.Currency, strings.ToUpper(value)
	case "DTSTART":
		to = &w.start
	case "DTEND":
		to = &w.end
	case "DTASOF":
		to = &w.asOf
	default:
		return
	}
	if w.report != "" && *to == "" {
		*to = value
	}
	w.From, w.To = optionalDate(w.start), optionalDate(w.end)
}

func (w *statementState) isBank() bool { return w.report == "STMTRS" || w.report == "CCSTMTRS" }

// enterStatement begins a statement, of which nothing is known yet.
func (p *reader) enterStatement(e *element) {
	p.current = statementState{serverTime: p.current.serverTime, request: p.current.request, report: e.name}
	p.current.Statement = statement.Statement{
		Place: e.place, Format: p.format, Kind: statement.Booked,
		Created: parseTimestamp(p.current.serverTime).String(),
	}
}

// beginStatement tells the statement once its first entry, balance or position, or its end, shows that its account will not change.
func (p *reader) beginStatement() error {
	if p.current.report == "" || p.current.begun {
		return nil
	}
	p.current.begun = true
	if !p.current.isBank() {
		return p.investment()
	}
	if err := p.emitNotice(p.current.Place, "account", p.current.account...); err != nil {
		return err
	}
	p.summary.statements = true
	return p.handler.Begin(&p.current.Statement)
}

// leaveStatement ends a statement.
func (p *reader) leaveStatement() error {
	if err := p.beginStatement(); err != nil {
		return err
	}
	bank := p.current.isBank()
	p.current.report = ""
	if !bank {
		return nil
	}
	if err := p.handler.End(); err != nil {
		return err
	}
	return p.current.foreign.emit(p.handler, p.current.Statement)
}

// emitBalance tells a balance.
func (p *reader) emitBalance() error { return p.emitBalanceAt(0) }

// emitBalanceAt tells the balance that an element of the record holds. One without an amount states nothing that could be proven, and
// is noticed.
func (p *reader) emitBalanceAt(owner int) error {
	r := &p.record
	value, asOf := r.valueAt(owner, "BALAMT"), r.valueAt(owner, "DTASOF")
	if !p.current.isBank() || value == "" {
		return p.emitNotice(r.place, "balance", field("name", r.nodes[owner].name), field("value", value), field("date", timestampText(asOf)))
	}
	b := statement.Balance{
		Place: r.place, Code: statement.ClosingAvailable, Amount: amount(value), Currency: p.current.Currency, Date: optionalDate(asOf),
	}
	if r.nodes[owner].name == "LEDGERBAL" {
		b.Code = statement.ClosingBooked
		if created := parseTimestamp(asOf).String(); created != "" {
			p.current.Created = created
		}
	}
	if err := p.beginStatement(); err != nil {
		return err
	}
	return p.handler.Balance(&b)
}

func firstNonEmpty(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
