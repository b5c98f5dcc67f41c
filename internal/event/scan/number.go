// Parses numbers: decimal text to unscaled integers, exactly or not at all.

package scan

import (
	"math"

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

// narrow parses the common form of a number: a sign, up to 18 digits with a decimal mark, and no more decimals than the scale. Anything else is left to
// exact, which also returns reasons.
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

// fits reports whether an unscaled value is in the range of a type.
func fits(n decimal.Int128, t column.Type) bool {
	switch t.Kind {
	case column.Decimal:
		return n.FitsInPrecision(int32(t.Precision))
	case column.Int:
		return inInt64(n) && int64(n.LowBits()) >= math.MinInt32 && int64(n.LowBits()) <= math.MaxInt32
	default:
		return inInt64(n)
	}
}

func inInt64(n decimal.Int128) bool { return n.HighBits() == int64(n.LowBits())>>63 }
