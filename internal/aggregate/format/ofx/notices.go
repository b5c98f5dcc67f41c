// Reports what is not a statement: responses, accounts, investments.

package ofx

import (
	"cmp"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// fileSummary is what a file has contained so far.
type fileSummary struct {
	content   bool             // statements, accounts, investments, securities
	responses bool             // a sign-on or a status
	refusal   *statement.Error // the first response that reports a failure
}

// checkSummary refuses a file that contains only a failure, or nothing.
func (p *reader) checkSummary() {
	switch {
	case p.summary.content:
	case p.summary.refusal != nil:
		p.out.Fail(p.summary.refusal)
	case !p.summary.responses:
		p.out.Fail(statement.Refuse(statement.Place{Line: 1, Column: 1}, "the file contains no statement, list of accounts or response of a bank"))
	}
}

func field(name, value string) statement.Field { return statement.Field{Name: name, Value: value} }

// emitNotice reports the fields that are stated, if there are any.
func (p *reader) emitNotice(place statement.Place, what string, fields ...statement.Field) {
	p.notice = statement.Notice{Place: place, What: what}
	for _, f := range fields {
		if f.Value != "" {
			p.notice.Fields = append(p.notice.Fields, f)
		}
	}
	if len(p.notice.Fields) > 0 {
		p.out.Notice(&p.notice)
	}
}

// noticeOther reports content that makes a file valid without a statement.
func (p *reader) noticeOther(what string, fields ...statement.Field) {
	p.beginStatement()
	p.summary.content = true
	p.emitNotice(p.record.place, what, fields...)
}

// signOn reports the result of the sign-on. User names and session cookies in it are left out (rule 8).
func (p *reader) signOn() {
	r := &p.record
	p.current.serverTime = r.get("DTSERVER")
	code, severity, message := r.findValue("CODE"), r.findValue("SEVERITY"), r.findValue("MESSAGE")
	p.recordResponse("sign-on", code, severity, message)
	p.response.setSignOn(r, Status{code, severity, message})
	p.emitNotice(r.place, "sign-on", field("code", code), field("severity", severity), field("message", message),
		field("date", timestampText(p.current.serverTime)), field("organisation", r.valueIn("FI", "ORG")), field("institution", r.valueIn("FI", "FID")))
}

// status reports the response to one request, unless it is a success.
func (p *reader) status() {
	r := &p.record
	code, severity, message := r.get("CODE"), r.get("SEVERITY"), r.get("MESSAGE")
	p.recordResponse("request", code, severity, message)
	p.response.addStatus(Status{code, severity, message})
	if strings.Trim(code, "0") != "" {
		p.emitNotice(r.place, "status", field("code", code), field("severity", severity), field("message", message))
	}
}

func (p *reader) recordResponse(to, code, severity, message string) {
	p.summary.responses = true
	failed := strings.EqualFold(severity, "ERROR") || severity == "" && strings.Trim(code, "0") != ""
	if failed && p.summary.refusal == nil {
		p.summary.refusal = statement.Refuse(p.record.place, "the bank answers the %s with code %s, severity %s: %s", to, code, severity, message).
			Advise("download the file again")
	}
}

// investment reports the owner of the investments that follow. Their cash is not a bank account, so its entries are
// reported as transactions.
func (p *reader) investment() {
	p.summary.content = true
	fields := []statement.Field{field("account", p.current.Account)}
	for _, f := range p.current.account {
		if f.Name == "broker" || f.Name == "transaction_uid" {
			fields = append(fields, f)
		}
	}
	p.emitNotice(p.current.Place, "investment", append(fields, field("currency", p.current.Currency),
		field("as_of", timestampText(p.current.asOf)), field("start", timestampText(p.current.start)), field("end", timestampText(p.current.end)))...)
}

func (p *reader) transaction() {
	r := &p.record
	p.noticeOther("investment transaction", field("type", r.nodes[0].name), field("id", r.findValue("FITID")),
		field("trade", timestampText(r.findValue("DTTRADE"))), field("settle", timestampText(r.findValue("DTSETTLE"))),
		field("trntype", r.findValue("TRNTYPE")), field("date", timestampText(r.findValue("DTPOSTED"))), field("amount", r.findValue("TRNAMT")),
		field("security", r.findValue("UNIQUEID")), field("units", r.findValue("UNITS")), field("unit_price", r.findValue("UNITPRICE")),
		field("total", r.findValue("TOTAL")), field("currency", r.findValue("CURSYM")), field("tferaction", r.findValue("TFERACTION")),
		field("inv401ksource", r.findValue("INV401KSOURCE")), field("checknum", r.findValue("CHECKNUM")),
		field("payee", r.findValue("NAME")), field("memo", r.findValue("MEMO")))
}

func (p *reader) position() {
	r := &p.record
	p.noticeOther("position", field("type", r.nodes[0].name), field("security", r.findValue("UNIQUEID")), field("units", r.findValue("UNITS")),
		field("unit_price", r.findValue("UNITPRICE")), field("market_value", r.findValue("MKTVAL")),
		field("as_of", timestampText(r.findValue("DTPRICEASOF"))), field("currency", r.findValue("CURSYM")),
		field("inv401ksource", r.findValue("INV401KSOURCE")))
}

func (p *reader) security() {
	r := &p.record
	p.noticeOther("security", field("type", r.nodes[0].name), field("id", r.findValue("UNIQUEID")),
		field("id_type", r.findValue("UNIQUEIDTYPE")), field("name", r.findValue("SECNAME")), field("ticker", r.findValue("TICKER")))
}

// investmentBalance reports an investment account's balances, and each named one separately.
func (p *reader) investmentBalance() {
	names := map[string]string{
		"AVAILCASH": "available_cash", "MARGINBALANCE": "margin", "SHORTBALANCE": "short", "BUYPOWER": "buying_power",
	}
	r := &p.record
	var fields []statement.Field
	for _, n := range r.nodes[1:] {
		if n.parent == 0 {
			fields = append(fields, field(cmp.Or(names[n.name], strings.ToLower(n.name)), n.value))
		}
	}
	p.noticeOther("investment balance", fields...)
	for i := range r.nodes {
		if r.nodes[i].name == "BAL" {
			p.noticeOther("balance", balanceFields(r, i)...)
		}
	}
}

func balanceFields(r *record, parent int) []statement.Field {
	return []statement.Field{
		field("name", r.valueAt(parent, "NAME")), field("desc", r.valueAt(parent, "DESC")), field("type", r.valueAt(parent, "BALTYPE")),
		field("value", r.valueAt(parent, "VALUE")), field("date", timestampText(r.valueAt(parent, "DTASOF"))),
	}
}
