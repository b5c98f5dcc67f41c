// Formats amounts of money for a terminal: grouped, with the decimals of their currency, never rounded.

package main

import (
	"strings"

	"golang.org/x/text/currency"
)

// plainDecimals is the number of decimals of an amount whose currency is unknown.
const plainDecimals = 2

// formatMoney groups the digits of a decimal, and leaves out zeros behind the decimals of its currency. It never rounds (rule 2): other
// digits are all shown.
func formatMoney(amount, code string) string {
	decimals := plainDecimals
	if unit, err := currency.ParseISO(code); err == nil {
		decimals, _ = currency.Standard.Rounding(unit)
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	if rest := strings.TrimRight(fraction, "0"); len(rest) > decimals {
		decimals = max(len(rest), plainDecimals)
	}
	if fraction = fraction[:min(decimals, len(fraction))]; fraction != "" {
		fraction = "." + fraction
	}
	return groupDigits(whole) + fraction
}

// groupDigits separates the thousands of a whole number by commas.
func groupDigits(number string) string {
	first := len(number) - len(strings.TrimPrefix(number, "-"))
	for i := len(number) - 3; i > first; i -= 3 {
		number = number[:i] + "," + number[i:]
	}
	return number
}
