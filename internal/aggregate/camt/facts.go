// What elements say, before it is put together.

package camt

// facts are the texts of the elements that are read, of what is open at the time.
type facts struct {
	message   messageFacts
	statement statementFacts
	balance   balanceFacts
	entry     entryFacts
	detail    detailFacts
	charge    chargeFacts
	charges   money // their total
}

type messageFacts struct{ created, page, last string }

type statementFacts struct {
	id, page, last, electronic, legal, created, from, to string

	account               identification
	currency, name, owner string
	servicer              agent

	count, gross, net, direction                 string
	creditCount, creditSum, debitCount, debitSum string
}

type balanceFacts struct {
	code, subtype, direction, date string
	amount                         money
}

type entryFacts struct {
	amount, counter                              money
	direction, reversal, status, booked, value   string
	reference, own, domain, family, sub, ownCode string
	text, operations                             string
}

type detailFacts struct {
	amount, transacted, instructed, counter                money
	direction                                              string
	reference, transaction, endToEnd, instruction, mandate string
	debtor, creditor                                       side
	remittance, structured                                 []byte // joined
	text                                                   string
	settled                                                string
}

// money is an amount as it is written.
type money struct{ text, currency string }

// identification is what an account is called.
type identification struct{ iban, other string }

// agent is a bank: its BIC, its number in a clearing system, its LEI or another number, and what it is called.
type agent struct{ bic, member, lei, other, called string }

// name is what names the bank best.
func (a *agent) name() string { return first(a.bic, a.member, a.lei, a.other) }

// side is one of a transaction's two sides.
type side struct {
	name, ultimate string
	account        identification
	bank           agent
}

// first is the first text that says something.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
