// Exact amounts in text (rule 2).

package statement

import (
	"math/big"
	"strings"
)

// Scale is how many decimals an amount may have: ISO 20022 allows five.
const Scale = 5

// maxDigits is how many digits an amount may have before its mark; with Scale it is what the streams' columns hold.
const maxDigits = 18

// Amount reads a number with a decimal mark of '.' or ',' and returns it as a plain decimal: "1.234,50" is refused, "12," is
// "12", ".09" is "0.09". ok is false where the text is no number of at most 18 digits before and 5 behind the mark; zeros
// at the end do not count.
func Amount(text string, mark byte) (decimal string, ok bool) {
	sign, rest := "", text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			sign = "-"
		}
		rest = rest[1:]
	}
	whole, fraction, _ := strings.Cut(rest, string(mark))
	if whole == "" && fraction == "" || !digits(whole) || !digits(fraction) {
		return text, false
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > maxDigits || len(strings.TrimRight(fraction, "0")) > Scale {
		return text, false
	}
	if len(fraction) > Scale {
		fraction = fraction[:Scale]
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	if sign != "" && strings.Trim(whole+fraction, "0.") == "" {
		sign = ""
	}
	return sign + whole + fraction, true
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// Negate turns a decimal that Amount has read around; any other text stays as it is.
func Negate(decimal string) string {
	if _, ok := Amount(decimal, '.'); !ok {
		return decimal
	}
	if rest, negative := strings.CutPrefix(decimal, "-"); negative {
		return rest
	}
	if strings.Trim(decimal, "0.") == "" {
		return decimal
	}
	return "-" + decimal
}

// Sum adds amounts up exactly. Its zero value is 0.
type Sum struct{ unscaled big.Int }

// Add takes a decimal in; ok is false, and nothing is added, where it is none.
func (s *Sum) Add(decimal string) (ok bool) {
	n, ok := unscaled(decimal)
	if ok {
		s.unscaled.Add(&s.unscaled, n)
	}
	return ok
}

// Plus adds another sum.
func (s *Sum) Plus(other *Sum) { s.unscaled.Add(&s.unscaled, &other.unscaled) }

// Minus takes another sum away.
func (s *Sum) Minus(other *Sum) { s.unscaled.Sub(&s.unscaled, &other.unscaled) }

// Sign is -1, 0 or 1.
func (s *Sum) Sign() int { return s.unscaled.Sign() }

// String is the sum with the fewest decimals that hold it, and at least two.
func (s *Sum) String() string {
	text := new(big.Int).Abs(&s.unscaled).String()
	if short := Scale + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	whole, fraction := text[:len(text)-Scale], strings.TrimRight(text[len(text)-Scale:], "0")
	if short := 2 - len(fraction); short > 0 {
		fraction += strings.Repeat("0", short)
	}
	if s.unscaled.Sign() < 0 {
		whole = "-" + whole
	}
	return whole + "." + fraction
}

// unscaled is a decimal as an integer at Scale.
func unscaled(decimal string) (*big.Int, bool) {
	text, ok := Amount(decimal, '.')
	if !ok {
		return nil, false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	return new(big.Int).SetString(whole+fraction+strings.Repeat("0", Scale-len(fraction)), 10)
}
