// Parses numbers: decimal text to unscaled integers, exactly or not at all.

package scan

import (
	"math"
	"math/bits"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// narrow parses the common form of a number: a sign, up to 18 digits with a decimal mark, and no more decimals than the scale. Anything
// else is left to exact, which also returns reasons.
func narrow(tok []byte, digits, scale int, mark byte) (int64, bool) {
	i, negative := 0, false
	if len(tok) > 0 && tok[0] == '-' {
		i, negative = 1, true
	}
	if n := len(tok) - i; n == 0 || n > 18 {
		return 0, false
	}
	start, value := i, int64(0)
	for ; i < len(tok); i++ {
		d := tok[i] - '0'
		if d > 9 {
			break
		}
		value = value*10 + int64(d)
	}
	shift := scale
	if i < len(tok) {
		decimals := len(tok) - i - 1
		if tok[i] != mark || i == start || decimals == 0 || decimals > scale {
			return 0, false
		}
		for i++; i < len(tok); i++ {
			d := tok[i] - '0'
			if d > 9 {
				return 0, false
			}
			value = value*10 + int64(d)
		}
		shift -= decimals
	}
	if digits > 18 || value >= pow10[digits-shift] {
		return 0, false
	}
	value *= pow10[shift]
	if negative {
		value = -value
	}
	return value, true
}

// Reasons why a text is not a number of a type.
const (
	notNumber  = "it is not a number"
	badGroups  = "its digits are not grouped in threes"
	TooPrecise = "it has more decimals"
	Overflows  = "it is too large"
)

func fits(n decimal.Int128, t column.Type) bool {
	switch t.Kind {
	case column.Decimal:
		return n.FitsInPrecision(int32(t.Precision))
	case column.Int:
		return decimal.FitsInt64(n) && int64(n.LowBits()) >= math.MinInt32 && int64(n.LowBits()) <= math.MaxInt32
	default:
		return decimal.FitsInt64(n)
	}
}

// significand is a number's value: digits × 10^exponent, without zeros at either end of the digits.
type significand struct {
	hi, lo   uint64 // the digits
	n        int    // how many they are
	long     bool   // more digits than any type has
	zeros    int    // zeros since the last digit, which may be trailing
	exponent int
	negative bool
}

func (s *significand) add(d byte, fraction bool) {
	if fraction {
		s.exponent--
	}
	if d == 0 {
		if s.n > 0 {
			s.zeros++
		}
		return
	}
	if s.n+s.zeros >= decimal.MaxDigits {
		s.long = true
		s.n, s.zeros = decimal.MaxDigits, 0
		return
	}
	s.n += s.zeros + 1
	for ; s.zeros > 0; s.zeros-- {
		s.push(0)
	}
	s.push(uint64(d))
}

func (s *significand) push(d uint64) {
	carry, low := bits.Mul64(s.lo, 10)
	sum, c := bits.Add64(low, d, 0)
	s.hi, s.lo = s.hi*10+carry+c, sum
}

// exact parses any number: [+-] digits with an optional decimal mark, digits before or after it, group marks in threes before it, an
// optional exponent. The unscaled value has the given scale. The reason is empty if the number is represented exactly.
func exact(tok []byte, scale int, mark, group byte) (unscaled decimal.Int128, reason string) {
	s, reason := parseSignificand(tok, mark, group)
	if reason != "" {
		return unscaled, reason
	}
	if s.n == 0 {
		return unscaled, ""
	}
	shift := s.exponent + s.zeros + scale
	switch {
	case shift < 0:
		return unscaled, TooPrecise
	case s.long || s.n+shift > decimal.MaxDigits:
		return unscaled, Overflows
	}
	for range shift {
		s.push(0)
	}
	unscaled = decimal.NewInt128(int64(s.hi), s.lo)
	if s.negative {
		unscaled = unscaled.Negate()
	}
	return unscaled, ""
}

func parseSignificand(tok []byte, mark, group byte) (s significand, reason string) {
	i := 0
	if len(tok) > 0 && (tok[0] == '-' || tok[0] == '+') {
		i, s.negative = 1, tok[0] == '-'
	}
	i, whole, reason := s.wholeDigits(tok, i, group)
	if reason != "" {
		return s, reason
	}
	if i < len(tok) && tok[i] == mark {
		start := i + 1
		for i = start; i < len(tok) && tok[i]-'0' <= 9; i++ {
			s.add(tok[i]-'0', true)
		}
		if i == start {
			return s, notNumber
		}
	} else if !whole {
		return s, notNumber
	}
	if i == len(tok) {
		return s, ""
	}
	exponent, ok := parseExponent(tok[i:])
	if !ok {
		return s, notNumber
	}
	s.exponent += exponent
	return s, ""
}

// wholeDigits parses the digits before the decimal mark. After a group mark every group must be complete.
func (s *significand) wholeDigits(tok []byte, i int, group byte) (next int, some bool, reason string) {
	run, grouped := 0, false
	for ; i < len(tok); i++ {
		if d := tok[i] - '0'; d <= 9 {
			s.add(d, false)
			run++
			continue
		}
		if group == 0 || tok[i] != group {
			break
		}
		if run == 0 || run > 3 || grouped && run != 3 {
			return i, false, badGroups
		}
		run, grouped = 0, true
	}
	if grouped && run != 3 {
		return i, false, badGroups
	}
	return i, run > 0, ""
}

// parseExponent parses e, a sign and digits. Exponents beyond a billion make no difference, so they are capped there.
func parseExponent(tok []byte) (exponent int, ok bool) {
	if len(tok) < 2 || tok[0]|0x20 != 'e' {
		return 0, false
	}
	i, negative := 1, tok[1] == '-'
	if tok[1] == '-' || tok[1] == '+' {
		i = 2
	}
	if i == len(tok) {
		return 0, false
	}
	for ; i < len(tok); i++ {
		d := tok[i] - '0'
		if d > 9 {
			return 0, false
		}
		exponent = min(exponent*10+int(d), 1e9)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}
