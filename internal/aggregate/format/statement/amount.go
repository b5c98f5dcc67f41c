// Parses and adds decimal amounts exactly (rule 2).

package statement

import (
	"bytes"
	"slices"
	"strings"

	"bursar/internal/decimal"
)

// Scale is the maximum number of decimals of an amount: ISO 20022 allows five.
const Scale = 5

// maxDigits is the maximum number of digits before the decimal mark. With Scale it is the precision of the streams'
// columns.
const maxDigits = 18

// Amount parses a number whose decimal mark is '.' or ',' and returns it as a plain decimal: "12," is "12", ".09" is
// "0.09", and "1.234,50" is refused. ok is false if the text is not a number, or has more than 18 digits before or 5
// after the mark; trailing zeros do not count. The result is then Unreadable(text, mark).
func Amount(text string, mark byte) (decimal string, ok bool) {
	sign, rest := "", text
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		if rest[0] == '-' {
			sign = "-"
		}
		rest = rest[1:]
	}
	whole, fraction, _ := strings.Cut(rest, string(mark))
	if whole == "" && fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return Unreadable(text, mark), false
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > maxDigits || len(strings.TrimRight(fraction, "0")) > Scale {
		return Unreadable(text, mark), false
	}
	if len(fraction) > Scale {
		fraction = fraction[:Scale]
	}
	if whole == "" && strings.Trim(fraction, "0") == "" {
		sign = ""
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return sign + whole, true
	}
	if tail, same := strings.CutPrefix(text, sign); same && mark == '.' {
		if tail, same = strings.CutPrefix(tail, whole); same && len(tail) == len(".")+len(fraction) {
			return text, true // returned as written, to avoid a copy
		}
	}
	return sign + whole + "." + fraction, true
}

// Unreadable returns a text that is not a valid amount in a form that intake does not accept as a number: with a
// decimal comma "1.234" is put in backquotes, and so is "1e3". A mark of 0 accepts no number at all.
func Unreadable(text string, mark byte) string {
	if text == "" || strings.Trim(text, "0123456789.+-eE") != "" || mark == '.' && !strings.ContainsAny(text, "eE") {
		return text
	}
	return "`" + text + "`"
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// IsGrouped reports whether all groups of digits after the first have three.
func IsGrouped(whole, group string) bool {
	first, rest, divided := strings.Cut(whole, group)
	if divided && slices.ContainsFunc(strings.Split(rest, group), func(g string) bool { return len(g) != 3 }) {
		return false
	}
	return len(first) >= 1 && len(first) <= 3
}

// Negate changes the sign of a decimal that Amount returned; any other text is returned unchanged.
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

// Sum adds amounts exactly. The zero value is 0. An amount has at most 23 digits at Scale, so a sum of all the amounts that a
// disk can hold fits.
type Sum struct {
	unscaled decimal.Int128 // at Scale
}

// Add adds a decimal. ok is false, and the sum unchanged, if the text is not a valid decimal.
func (s *Sum) Add(amount string) (ok bool) {
	if n, fits := parseSmall(amount); fits {
		s.unscaled = s.unscaled.Add(decimal.Int128Of(n))
		return true
	}
	text, ok := Amount(amount, '.')
	if !ok {
		return false
	}
	n, _, ok := decimal.Parse(decimal.Rescale(text, Scale))
	if ok {
		s.unscaled = s.unscaled.Add(decimal.Int128OfBig(n))
	}
	return ok
}

// Plus is s + other.
func (s Sum) Plus(other Sum) Sum { return Sum{s.unscaled.Add(other.unscaled)} }

// Minus is s - other.
func (s Sum) Minus(other Sum) Sum { return Sum{s.unscaled.Sub(other.unscaled)} }

// Sign returns -1, 0 or 1.
func (s Sum) Sign() int { return s.unscaled.Sign() }

// String returns the sum with as few decimals as it needs, but at least two.
func (s Sum) String() string {
	text := decimal.Append(nil, s.unscaled, Scale)
	for range Scale - 2 {
		if short, trimmed := bytes.CutSuffix(text, []byte("0")); trimmed {
			text = short
		}
	}
	return string(text)
}

// parseSmall parses a plain decimal that fits an int64 at Scale, as most do.
func parseSmall(decimal string) (n int64, fits bool) {
	const maxSmallDigits = 18 - Scale // digits that still fit after scaling
	text, negative := strings.CutPrefix(decimal, "-")
	whole, scale, point := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9' && point:
			scale++
			n = n*10 + int64(c-'0')
		case c >= '0' && c <= '9':
			whole++
			n = n*10 + int64(c-'0')
		case c == '.' && !point:
			point = true
		default:
			return 0, false
		}
		if whole > maxSmallDigits || scale > Scale {
			return 0, false
		}
	}
	for range Scale - scale {
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, whole > 0
}

// NormalAmount normalizes an amount: 10.5 is 10.50. A text that is not a number stays as it is.
func NormalAmount(amount string) string {
	var s Sum
	if !s.Add(amount) {
		return amount
	}
	return s.String()
}

// SameNumber compares numbers by value, and other texts as texts.
func SameNumber(a, b string) bool {
	var x, y Sum
	if !x.Add(a) || !y.Add(b) {
		return a == b
	}
	return x == y
}

// Subtract is a - b.
func Subtract(a, b string) string {
	var x, y Sum
	x.Add(a)
	y.Add(b)
	return x.Minus(y).String()
}
