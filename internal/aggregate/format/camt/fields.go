// The texts of the elements that are read, and what single ones are converted to: signed amounts, dates, account
// numbers.

package camt

import (
	"cmp"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

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

type identification struct{ iban, other string }

// agent is a bank: its BIC, its number in a clearing system, its LEI or another number, and its name.
type agent struct{ bic, member, lei, other, fullName string }

// name is the best identification of the bank.
func (a *agent) name() string { return cmp.Or(a.bic, a.member, a.lei, a.other) }

type side struct {
	name, ultimate string
	account        identification
	bank           agent
}

// Directions of an amount (CdtDbtInd).
const (
	credit = "CRDT"
	debit  = "DBIT"
)

// signed gives an amount the sign of its direction; without a direction it stays as written. An amount with a sign
// and a direction is ambiguous, and so is an unknown direction: the result is then not a valid amount, and intake
// quarantines the row.
func signed(amount, direction string) string {
	decimal, ok := statement.Amount(amount, '.')
	switch {
	case !ok || direction == "":
		return decimal
	case direction != credit && direction != debit || strings.HasPrefix(decimal, "-"):
		return amount + " " + direction
	case direction == debit:
		return statement.Negate(decimal)
	}
	return decimal
}

// signedTotal is signed for a sum: banks write a sum of debits with or without a sign.
func signedTotal(sum, direction string) string {
	if direction == debit {
		sum = strings.TrimPrefix(sum, "-")
	}
	return signed(sum, direction)
}

// isZero reports whether a stated number is zero; an empty text is not.
func isZero(text string) bool {
	decimal, ok := statement.Amount(text, '.')
	return ok && strings.Trim(decimal, "0.") == ""
}

// date returns the day of a date or a time, on the clock of its writer and without the offset. Any other text is
// returned unchanged.
func date(text string) string {
	const day = len("2006-01-02")
	if len(text) <= day || !isDay(text[:day]) || strings.Trim(text[day:], "0123456789:.TZ+-") != "" {
		return text
	}
	return text[:day]
}

// isDay checks the form of a day, not whether the day exists.
func isDay(text string) bool {
	for i := range len(text) {
		if dash := i == 4 || i == 7; dash != (text[i] == '-') || !dash && (text[i] < '0' || text[i] > '9') {
			return false
		}
	}
	return true
}

// accountNumber returns what is stated as an IBAN, valid or not, or else the bank's own number. Banks also write
// IBANs where their own numbers belong.
func (i *identification) accountNumber() (number string, iban bool) {
	if i.iban != "" {
		return strings.ToUpper(statement.WithoutBlanks(i.iban)), true
	}
	return statement.AccountNumber(i.other)
}
