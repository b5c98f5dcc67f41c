// The texts of the elements that are read.

package camt

import "cmp"

// fields are the texts of the open elements, before they are converted.
type fields struct {
	message      messageFields
	statement    statementFields
	balance      balanceFields
	entry        entryFields
	detail       detailFields
	charge       chargeFields
	chargesTotal money // TtlChrgsAndTaxAmt
}

type messageFields struct{ created, page, last string }

type statementFields struct {
	id, page, last, electronic, legal, created, from, to string

	account               identification
	currency, name, owner string
	servicer              agent

	count, gross, net, direction                 string
	creditCount, creditSum, debitCount, debitSum string
}

type balanceFields struct {
	code, subtype, direction, date string
	amount                         money
}

type entryFields struct {
	amount, counterValue                                        money
	direction, reversal, status, booked, value                  string
	reference, ownReference, domain, family, subfamily, ownCode string
	text, operations                                            string
}

type detailFields struct {
	amount, transacted, instructed, counterValue           money
	direction                                              string
	reference, transaction, endToEnd, instruction, mandate string
	debtor, creditor                                       side
	remittance, structured                                 []byte // joined with spaces
	text                                                   string
	settlementDate                                         string
}

// money is an amount as written.
type money struct{ text, currency string }

// identification is an account number.
type identification struct{ iban, other string }

// agent is a bank: its BIC, its number in a clearing system, its LEI or another number, and its name.
type agent struct{ bic, member, lei, other, fullName string }

// name is the best identification of the bank.
func (a *agent) name() string { return cmp.Or(a.bic, a.member, a.lei, a.other) }

// side is the debtor or the creditor of a transaction.
type side struct {
	name, ultimate string
	account        identification
	bank           agent
}
