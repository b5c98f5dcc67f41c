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
	account    []statement.Field
	asOf       string // of an investment statement
	start, end string
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
	if err := p.tell(p.in.Place, "account", p.in.account...); err != nil {
		return err
	}
	p.told.statements = true
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
	return p.to.End()
}

// balance tells a balance. One without an amount states nothing that could be proven, and is noticed.
func (p *reader) balance() error {
	r := &p.rec
	value, asOf := r.get("BALAMT"), r.get("DTASOF")
	if !p.in.bank() || value == "" {
		return p.tell(r.place, "balance", field("name", r.nodes[0].name), field("value", value), field("date", instant(asOf)))
	}
	b := statement.Balance{
		Place: r.place, Code: statement.ClosingAvailable, Amount: amount(value), Currency: p.in.Currency, Date: date(asOf),
	}
	if r.nodes[0].name == "LEDGERBAL" {
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

// entry tells an entry, however little it says: what lacks a date or an amount is for quarantine (rule 10).
func (p *reader) entry() error {
	r := &p.rec
	if p.in.report == "" {
		return statement.Refuse(r.place, "<%s> outside of a statement", r.nodes[0].name)
	}
	if !p.in.bank() {
		return p.transaction()
	}
	if err := p.begin(); err != nil {
		return err
	}
	reference := r.get("FITID")
	p.row = statement.Entry{
		Place: r.place, Amount: amount(r.get("TRNAMT")), Currency: p.in.Currency,
		Booked: date(r.get("DTPOSTED")), Value: given(r.get("DTAVAIL")),
		Reference: reference, Unique: strings.Trim(reference, "0") != "",
		Own: either(r.get("CHECKNUM"), r.get("REFNUM")), Code: strings.ToUpper(r.get("TRNTYPE")),
		Party: either(r.get("NAME"), r.under("PAYEE", "NAME"), r.get("PAYEE")),
		Peer:  either(r.under("BANKACCTTO", "ACCTID"), r.under("CCACCTTO", "ACCTID")),
		Text:  r.get("MEMO"),
	}
	// Under CURRENCY the amount is in that currency; under ORIGCURRENCY the bank has converted it.
	if stated := r.under("CURRENCY", "CURSYM"); stated != "" {
		p.row.Currency = strings.ToUpper(stated)
	}
	p.pending(r)
	if corrected := r.get("CORRECTFITID"); corrected != "" {
		text := "CORRECTACTION:" + r.get("CORRECTACTION") + " CORRECTFITID:" + corrected
		p.row.Text = strings.TrimSpace(text + " " + p.row.Text)
	}
	if err := p.to.Entry(&p.row); err != nil {
		return err
	}
	return p.to.EndEntry()
}

// pending marks an entry of the list of those that are not booked yet.
func (p *reader) pending(r *record) {
	listed := false
	for i := range p.open {
		listed = listed || p.open[i].name == "BANKTRANLISTP"
	}
	if !listed && r.nodes[0].name != "STMTTRNP" {
		return
	}
	p.row.Status = "PDNG"
	if p.row.Booked == "" {
		p.row.Booked = date(r.get("DTTRAN"))
	}
}

func either(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
