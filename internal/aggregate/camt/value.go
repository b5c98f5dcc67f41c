// Single values: amounts with their sign, dates, account numbers.

package camt

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// Directions of an amount.
const (
	credit = "CRDT"
	debit  = "DBIT"
)

// signed gives an amount the sign of its direction. Without a direction it stands as written. One that has a sign and a
// direction can be meant in two ways, and one of an unknown direction in any: such a text cannot be read as an amount, so that
// intake refuses its row.
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

// signedTotal is signed, but for sums: of debits, banks write them with a sign and without.
func signedTotal(sum, direction string) string {
	if direction == debit {
		sum = strings.TrimPrefix(sum, "-")
	}
	return signed(sum, direction)
}

// isDebit tells whether an amount leaves the account.
func isDebit(amount, direction string) bool {
	return direction == debit || direction == "" && strings.HasPrefix(amount, "-")
}

// isZero tells a stated number or amount of nothing from one that is not stated.
func isZero(text string) bool {
	decimal, ok := statement.Amount(text, '.')
	return ok && strings.Trim(decimal, "0.") == ""
}

// date is the day of a date or time as its writer's clock had it, so without the offset; what has no such form stays as it is.
func date(text string) string {
	const day = len("2006-01-02")
	if len(text) <= day || !isDay(text[:day]) || strings.Trim(text[day:], "0123456789:.TZ+-") != "" {
		return text
	}
	return text[:day]
}

// isDay tells the form of a day, not whether the calendar has it.
func isDay(text string) bool {
	for i := range len(text) {
		if dash := i == 4 || i == 7; dash != (text[i] == '-') || !dash && (text[i] < '0' || text[i] > '9') {
			return false
		}
	}
	return true
}

// accountNumber is what is stated as an IBAN, right or wrong, else the bank's own number. Banks put IBANs where their own numbers
// belong, too.
func (i *identification) accountNumber() (number string, iban bool) {
	if i.iban != "" {
		return strings.ToUpper(statement.WithoutBlanks(i.iban)), true
	}
	return statement.AccountNumber(i.other)
}
