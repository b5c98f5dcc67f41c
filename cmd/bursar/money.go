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
	sign, digits := "", amount
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if rest := strings.TrimRight(fraction, "0"); len(rest) > decimals {
		decimals = max(len(rest), plainDecimals)
	}
	if fraction = fraction[:min(decimals, len(fraction))]; fraction != "" {
		fraction = "." + fraction
	}
	return sign + groupDigits(whole) + fraction
}

// groupDigits separates thousands by commas.
func groupDigits(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
