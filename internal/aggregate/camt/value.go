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

// debits tells whether an amount leaves the account.
func debits(amount, direction string) bool {
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

// number is an account's IBAN without spaces, else the bank's own number as it is written. Banks put IBANs where their own numbers
// belong, too.
func (i *identification) number() (number string, iban bool) {
	if i.iban != "" {
		return strings.Join(strings.Fields(i.iban), ""), true
	}
	if compact := strings.Join(strings.Fields(i.other), ""); isIBAN(compact) {
		return compact, true
	}
	return i.other, false
}

// isIBAN checks an IBAN's form and its check digits (ISO 13616): the rest of dividing it by 97 is 1, with its first four
// characters put last and letters counted from 10.
func isIBAN(text string) bool {
	const shortest, longest = 15, 34
	if len(text) < shortest || len(text) > longest {
		return false
	}
	rest := 0
	for i := range len(text) {
		c := text[(i+4)%len(text)]
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	letters := text[0] >= 'A' && text[1] >= 'A'
	return letters && text[2] <= '9' && text[3] <= '9' && rest == 1
}
