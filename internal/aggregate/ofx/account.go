// Accounts: of statements, and in lists.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// accountFrom takes the account that a statement is of.
func (p *reader) accountFrom() error {
	if p.in.report == "" {
		return p.account(0)
	}
	r, s := &p.rec, &p.in.Statement
	number, iban := statement.AccountNumber(r.get("ACCTID"))
	servicer := r.get("BANKID")
	if branch := r.get("BRANCHID"); branch != "" {
		servicer += "/" + branch
	}
	if p.in.begun && (number != s.Account || servicer != s.Servicer) {
		return statement.Refuse(r.place, "the statement that begins at %s names its account after its entries or balances", s.Place)
	}
	s.Account, s.IBAN, s.Servicer = number, iban, servicer
	p.in.account = append(accountFields(r, 0), statement.Field{Name: "transaction_uid", Value: p.in.request})
	return nil
}

// accounts tells every account of a list's element.
func (p *reader) accounts() error {
	found := false
	for i := range p.rec.nodes {
		if strings.HasSuffix(p.rec.nodes[i].name, "ACCTFROM") {
			found = true
			if err := p.account(i); err != nil {
				return err
			}
		}
	}
	if found {
		return nil
	}
	return p.account(0)
}

func (p *reader) account(owner int) error {
	return p.other("account", accountFields(&p.rec, owner)...)
}

func accountFields(r *record, owner int) []statement.Field {
	return []statement.Field{
		field("type", r.below(owner, "ACCTTYPE")), field("desc", r.get("DESC")), field("number", r.below(owner, "ACCTID")),
		field("routing", r.below(owner, "BANKID")), field("branch", r.below(owner, "BRANCHID")),
		field("key", r.below(owner, "ACCTKEY")), field("broker", r.below(owner, "BROKERID")),
	}
}
