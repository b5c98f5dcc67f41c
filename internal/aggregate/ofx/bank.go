// Statements of bank accounts and credit cards.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// within is what is known of the statement being read before it is told, and of the answer around it.
type within struct {
	server     string // when the bank answered
	request    string // TRNUID
	report     string // the element; empty outside a statement
	begun      bool   // it has been told
	listed     bool   // a list has begun in it
	account    []statement.Field
	asOf       string // of an investment statement
	start, end string
	foreign    foreign
	seen       map[naming]first // of each FITID the first entry
	corrections
	statement.Statement
}

// set takes a value that stands in no record. The first one of its name counts.
func (w *within) set(name, value string) {
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
	w.From, w.To = given(w.start), given(w.end)
}

func (w *within) bank() bool { return w.report == "STMTRS" || w.report == "CCSTMTRS" }

// enter begins a statement, of which nothing is known yet.
func (p *reader) enter(e *element) {
	p.in = within{server: p.in.server, request: p.in.request, report: e.name}
	p.in.Statement = statement.Statement{
		Place: e.place, Format: p.format, Kind: statement.Booked,
		Created: momentOf(p.in.server).String(),
	}
}

// begin tells the statement once its first entry, balance or position, or its end, shows that its account will not change.
func (p *reader) begin() error {
	if p.in.report == "" || p.in.begun {
		return nil
	}
	p.in.begun = true
	if !p.in.bank() {
		return p.investment()
	}
	if err := p.notify(p.in.Place, "account", p.in.account...); err != nil {
		return err
	}
	p.noticed.statements = true
	return p.to.Begin(&p.in.Statement)
}

// leave ends a statement.
func (p *reader) leave() error {
	if err := p.begin(); err != nil {
		return err
	}
	bank := p.in.bank()
	p.in.report = ""
	if !bank {
		return nil
	}
	if err := p.to.End(); err != nil {
		return err
	}
	return p.in.foreign.emit(p.to, p.in.Statement)
}

// balance tells a balance.
func (p *reader) balance() error { return p.balanceOf(0) }

// balanceOf tells the balance that an element of the record holds. One without an amount states nothing that could be proven, and
// is noticed.
func (p *reader) balanceOf(owner int) error {
	r := &p.rec
	value, asOf := r.below(owner, "BALAMT"), r.below(owner, "DTASOF")
	if !p.in.bank() || value == "" {
		return p.notify(r.place, "balance", field("name", r.nodes[owner].name), field("value", value), field("date", instant(asOf)))
	}
	b := statement.Balance{
		Place: r.place, Code: statement.ClosingAvailable, Amount: amount(value), Currency: p.in.Currency, Date: given(asOf),
	}
	if r.nodes[owner].name == "LEDGERBAL" {
		b.Code = statement.ClosingBooked
		if created := momentOf(asOf).String(); created != "" {
			p.in.Created = created
		}
	}
	if err := p.begin(); err != nil {
		return err
	}
	return p.to.Balance(&b)
}

func either(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
