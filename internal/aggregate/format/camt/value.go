// Converts single values: signed amounts, dates, account numbers.

package camt

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

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

// isDebit reports whether an amount reduces the balance.
func isDebit(amount, direction string) bool {
	return direction == debit || direction == "" && strings.HasPrefix(amount, "-")
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
