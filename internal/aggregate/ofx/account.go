// Accounts: of statements, and in lists.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// statementAccount takes the account that a statement is of.
func (p *reader) statementAccount() error {
	if p.current.report == "" {
		return p.emitAccount(0)
	}
	r, s := &p.record, &p.current.Statement
	number, iban := statement.AccountNumber(r.get("ACCTID"))
	servicer := r.get("BANKID")
	if branch := r.get("BRANCHID"); branch != "" {
		servicer += "/" + branch
	}
	if p.current.begun && (number != s.Account || servicer != s.Servicer) {
		return statement.Refuse(r.place, "the statement that begins at %s names its account after its entries or balances", s.Place)
	}
	s.Account, s.IBAN, s.Servicer = number, iban, servicer
	p.current.account = append(accountFields(r, 0), statement.Field{Name: "transaction_uid", Value: p.current.request})
	return nil
}

// listedAccounts tells every account of a list's element.
func (p *reader) listedAccounts() error {
	found := false
	for i := range p.record.nodes {
		if strings.HasSuffix(p.record.nodes[i].name, "ACCTFROM") {
			found = true
			if err := p.emitAccount(i); err != nil {
				return err
			}
		}
	}
	if found {
		return nil
	}
	return p.emitAccount(0)
}

func (p *reader) emitAccount(owner int) error {
	return p.noticeOther("account", accountFields(&p.record, owner)...)
}

func accountFields(r *record, owner int) []statement.Field {
	return []statement.Field{
		field("type", r.valueAt(owner, "ACCTTYPE")), field("desc", r.get("DESC")), field("number", r.valueAt(owner, "ACCTID")),
		field("routing", r.valueAt(owner, "BANKID")), field("branch", r.valueAt(owner, "BRANCHID")),
		field("key", r.valueAt(owner, "ACCTKEY")), field("broker", r.valueAt(owner, "BROKERID")),
	}
}
