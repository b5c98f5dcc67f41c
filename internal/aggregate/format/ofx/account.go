// Reads accounts of statements and in account lists.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// statementAccount sets the account of the open statement.
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
		p.out.Refuse(r.place, "the statement that begins at %s names its account after its entries or balances", s.Place)
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
	p.noticeOther("account", accountFields(&p.record, parent)...)
}

func accountFields(r *record, parent int) []statement.Field {
	return []statement.Field{
		field("type", r.valueAt(parent, "ACCTTYPE")), field("desc", r.get("DESC")), field("number", r.valueAt(parent, "ACCTID")),
		field("routing", r.valueAt(parent, "BANKID")), field("branch", r.valueAt(parent, "BRANCHID")),
		field("key", r.valueAt(parent, "ACCTKEY")), field("broker", r.valueAt(parent, "BROKERID")),
	}
}
