// Accounts: of statements, and in lists.

package ofx

import (
	"regexp"
	"strings"

	"bursar/internal/aggregate/statement"
)

// accountFrom takes the account that a statement is of.
func (p *reader) accountFrom() error {
	if p.in.report == "" {
		return p.account(0)
	}
	r, s := &p.rec, &p.in.Statement
	number, iban := asIBAN(r.get("ACCTID"))
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

func (p *reader) account(holder int) error {
	return p.other("account", accountFields(&p.rec, holder)...)
}

func accountFields(r *record, holder int) []statement.Field {
	return []statement.Field{
		field("type", r.below(holder, "ACCTTYPE")), field("desc", r.get("DESC")), field("number", r.below(holder, "ACCTID")),
		field("routing", r.below(holder, "BANKID")), field("branch", r.below(holder, "BRANCHID")),
		field("key", r.below(holder, "ACCTKEY")), field("broker", r.below(holder, "BROKERID")),
	}
}

// asIBAN is an IBAN without its spaces where the text is one (ISO 13616), or the text.
func asIBAN(text string) (number string, iban bool) {
	compact := strings.ToUpper(strings.ReplaceAll(text, " ", ""))
	if !country.MatchString(compact) {
		return text, false
	}
	rest := 0
	for _, c := range []byte(compact[4:] + compact[:4]) {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	if rest != 1 {
		return text, false
	}
	return compact, true
}

var country = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
