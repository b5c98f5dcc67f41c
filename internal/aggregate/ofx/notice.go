// What is told beside statements: answers, accounts, investments.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// noticed is what a file has said so far, for the verdict at its end.
type noticed struct {
	statements bool
	others     bool             // accounts, investments, securities
	answers    bool             // a sign-on or a status
	refusal    *statement.Error // the first answer that something failed
}

// verdict refuses a file that states nothing but a failure, or nothing at all.
func (p *reader) verdict() error {
	switch {
	case p.noticed.statements || p.noticed.others:
		return nil
	case p.noticed.refusal != nil:
		return p.noticed.refusal
	case !p.noticed.answers:
		return statement.Refuse(statement.Place{Line: 1, Column: 1}, "no statement, list of accounts or answer of a bank is in the file")
	}
	return nil
}

func field(name, value string) statement.Field { return statement.Field{Name: name, Value: value} }

// notify notices the fields that are stated, if any.
func (p *reader) notify(place statement.Place, what string, fields ...statement.Field) error {
	p.notice = statement.Notice{Place: place, What: what}
	for _, f := range fields {
		if f.Value != "" {
			p.notice.Fields = append(p.notice.Fields, f)
		}
	}
	if len(p.notice.Fields) == 0 {
		return nil
	}
	return p.to.Notice(&p.notice)
}

// other is tell of what a file without statements may be about.
func (p *reader) other(what string, fields ...statement.Field) error {
	if err := p.begin(); err != nil {
		return err
	}
	p.noticed.others = true
	return p.notify(p.rec.place, what, fields...)
}

// signOn tells how the sign-on went. User names and session cookies, which it may hold, are not told (rule 8).
func (p *reader) signOn() error {
	r := &p.rec
	p.in.server = r.get("DTSERVER")
	code, severity, message := r.first("CODE"), r.first("SEVERITY"), r.first("MESSAGE")
	p.answer("sign-on", code, severity, message)
	return p.notify(r.place, "sign-on", field("code", code), field("severity", severity), field("message", message),
		field("date", instant(p.in.server)), field("organisation", r.under("FI", "ORG")), field("institution", r.under("FI", "FID")))
}

// status tells the answer to one request, where there is something to tell.
func (p *reader) status() error {
	r := &p.rec
	code, severity, message := r.get("CODE"), r.get("SEVERITY"), r.get("MESSAGE")
	p.answer("request", code, severity, message)
	if strings.Trim(code, "0") == "" {
		return nil
	}
	return p.notify(r.place, "status", field("code", code), field("severity", severity), field("message", message))
}

// answer keeps the first failure.
func (p *reader) answer(to, code, severity, message string) {
	p.noticed.answers = true
	failed := strings.EqualFold(severity, "ERROR") || severity == "" && strings.Trim(code, "0") != ""
	if failed && p.noticed.refusal == nil {
		p.noticed.refusal = statement.Refuse(p.rec.place, "the bank answers the %s with code %s, severity %s: %s", to, code, severity, message).
			Advise("download the file again")
	}
}

// investment tells whose investments follow. Their cash is no bank account's, so its entries are told as transactions.
func (p *reader) investment() error {
	p.noticed.others = true
	fields := []statement.Field{field("account", p.in.Account)}
	for _, f := range p.in.account {
		if f.Name == "broker" || f.Name == "transaction_uid" {
			fields = append(fields, f)
		}
	}
	return p.notify(p.in.Place, "investment", append(fields, field("currency", p.in.Currency),
		field("as_of", instant(p.in.asOf)), field("start", instant(p.in.start)), field("end", instant(p.in.end)))...)
}

func (p *reader) transaction() error {
	r := &p.rec
	return p.other("investment transaction", field("type", r.nodes[0].name), field("id", r.first("FITID")),
		field("trade", instant(r.first("DTTRADE"))), field("settle", instant(r.first("DTSETTLE"))),
		field("trntype", r.first("TRNTYPE")), field("date", instant(r.first("DTPOSTED"))), field("amount", r.first("TRNAMT")),
		field("security", r.first("UNIQUEID")), field("units", r.first("UNITS")), field("unit_price", r.first("UNITPRICE")),
		field("total", r.first("TOTAL")), field("currency", r.first("CURSYM")), field("tferaction", r.first("TFERACTION")),
		field("inv401ksource", r.first("INV401KSOURCE")), field("checknum", r.first("CHECKNUM")),
		field("payee", r.first("NAME")), field("memo", r.first("MEMO")))
}

func (p *reader) position() error {
	r := &p.rec
	return p.other("position", field("type", r.nodes[0].name), field("security", r.first("UNIQUEID")), field("units", r.first("UNITS")),
		field("unit_price", r.first("UNITPRICE")), field("market_value", r.first("MKTVAL")),
		field("as_of", instant(r.first("DTPRICEASOF"))), field("currency", r.first("CURSYM")),
		field("inv401ksource", r.first("INV401KSOURCE")))
}

func (p *reader) security() error {
	r := &p.rec
	return p.other("security", field("type", r.nodes[0].name), field("id", r.first("UNIQUEID")),
		field("id_type", r.first("UNIQUEIDTYPE")), field("name", r.first("SECNAME")), field("ticker", r.first("TICKER")))
}

// investmentBalance tells an investment account's balances, and those it names itself, each on its own.
func (p *reader) investmentBalance() error {
	names := map[string]string{
		"AVAILCASH": "available_cash", "MARGINBALANCE": "margin", "SHORTBALANCE": "short", "BUYPOWER": "buying_power",
	}
	r := &p.rec
	var fields []statement.Field
	for _, n := range r.nodes[1:] {
		if n.owner == 0 {
			fields = append(fields, field(either(names[n.name], strings.ToLower(n.name)), n.value))
		}
	}
	if err := p.other("investment balance", fields...); err != nil {
		return err
	}
	for i := range r.nodes {
		if r.nodes[i].name == "BAL" {
			if err := p.other("balance", balanceFields(r, i)...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *reader) namedBalance() error { return p.other("balance", balanceFields(&p.rec, 0)...) }

func balanceFields(r *record, owner int) []statement.Field {
	return []statement.Field{
		field("name", r.below(owner, "NAME")), field("desc", r.below(owner, "DESC")), field("type", r.below(owner, "BALTYPE")),
		field("value", r.below(owner, "VALUE")), field("date", instant(r.below(owner, "DTASOF"))),
	}
}
