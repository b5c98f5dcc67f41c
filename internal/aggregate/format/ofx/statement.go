// Reads statements of bank accounts and credit cards: their accounts, balances, and entries in other currencies.

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

func (p *reader) enterStatement(e *element) {
	p.current = statementState{
		serverTime: p.current.serverTime, transactionUID: p.current.transactionUID, element: e.name,
		seen: map[referenceHash]firstEntry{}, corrections: corrections{map[referenceHash][]string{}, map[referenceHash]bool{}},
		foreign: foreignEntries{entries: map[string][]statement.Entry{}},
	}
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
	p.summary.content = true
	p.response.addStatement()
	p.out.Begin(&p.current.Statement)
}

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

func (p *reader) statementAccount() {
	if p.current.element == "" {
		p.emitAccount(0)
		return
	}
	r, s := &p.record, &p.current.Statement
	number, iban := statement.AccountNumber(r.get("ACCTID"))
	servicer := r.get("BANKID")
	if branch := r.get("BRANCHID"); branch != "" {
		servicer += "/" + branch
	}
	if p.current.begun && (number != s.Account || servicer != s.Servicer) {
		p.out.Fail(statement.Refuse(r.place, "the statement that begins at %s names its account after its entries or balances", s.Place))
	}
	s.Account, s.IBAN, s.Servicer = number, iban, servicer
	p.current.account = append(accountFields(r, 0), statement.Field{Name: "transaction_uid", Value: p.current.transactionUID})
}

// listedAccounts reports every account of an element of an account list.
func (p *reader) listedAccounts() {
	found := false
	for i := range p.record.nodes {
		if strings.HasSuffix(p.record.nodes[i].name, "ACCTFROM") {
			found = true
			p.emitAccount(i)
		}
	}
	if !found {
		p.emitAccount(0)
	}
}

func (p *reader) emitAccount(parent int) {
	p.response.addAccount(&p.record, parent)
	p.noticeOther("account", accountFields(&p.record, parent)...)
}

func accountFields(r *record, parent int) []statement.Field {
	return []statement.Field{
		field("type", r.valueAt(parent, "ACCTTYPE")), field("desc", r.get("DESC")), field("number", r.valueAt(parent, "ACCTID")),
		field("routing", r.valueAt(parent, "BANKID")), field("branch", r.valueAt(parent, "BRANCHID")),
		field("key", r.valueAt(parent, "ACCTKEY")), field("broker", r.valueAt(parent, "BROKERID")),
	}
}

// Limits of the entries that are kept until the statement ends.
const (
	maxForeign = 64 << 20 // bytes of entries in other currencies
	entryCost  = 512      // of an entry besides its texts
)

// foreignEntries are a statement's entries in other currencies. The statement's sum is in its own currency; those of
// each other currency are reported as a separate statement of the same account and interval.
type foreignEntries struct {
	currencies []string // in the order of the file
	entries    map[string][]statement.Entry
	bytes      int
}

func (f *foreignEntries) add(e *statement.Entry) error {
	f.bytes += entryCost + len(e.Amount) + len(e.Reference) + len(e.Own) + len(e.Code) + len(e.Party) + len(e.Peer) + len(e.Text)
	if f.bytes > maxForeign {
		return statement.Refuse(e.Place, "the statement has more than %d bytes of entries in other currencies", maxForeign)
	}
	if f.entries[e.Currency] == nil {
		f.currencies = append(f.currencies, e.Currency)
	}
	f.entries[e.Currency] = append(f.entries[e.Currency], *e)
	return nil
}

func (f *foreignEntries) emit(out *statement.Emitter, template statement.Statement) {
	for _, currency := range f.currencies {
		template.Currency, template.Fault = currency, ""
		out.Begin(&template)
		for i := range f.entries[currency] {
			out.Entry(&f.entries[currency][i])
			out.EndEntry()
		}
		out.End()
	}
}
