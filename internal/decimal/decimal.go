// Package decimal is exact decimals (rule 2): unscaled integers of up to 38 digits in columns, of any size in between, and plain text.
// It owns how they are written, parsed and added; nothing is ever rounded. It must not know of columns or files, so that readers of
// foreign formats can use it alone.
package decimal

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// Int128 is the unscaled value of a decimal.
type Int128 = decimal128.Num

// NewInt128 returns the integer with these bits.
func NewInt128(high int64, low uint64) Int128 { return decimal128.New(high, low) }

// Int128Of returns the same integer.
func Int128Of(n int64) Int128 { return decimal128.FromI64(n) }

// Int128OfBig returns the same integer, which must fit.
func Int128OfBig(n *big.Int) Int128 { return decimal128.FromBigInt(n) }

// MaxDigits is the most digits of a decimal.
const MaxDigits = 38

var (
	largest    = decimal128.GetMaxValue(MaxDigits)
	smallest   = largest.Negate()
	largestBig = largest.BigInt()
)

// FitsInt64 reports whether an unscaled value fits 64 bits.
func FitsInt64(n Int128) bool { return n.HighBits() == int64(n.LowBits())>>63 }

// Fits38 reports whether an unscaled value has at most 38 digits.
func Fits38(n Int128) bool { return !largest.Less(n) && !n.Less(smallest) }

// Narrow converts an unscaled value to 38 digits, or returns an error if it has more.
func Narrow(n *big.Int) (Int128, error) {
	if n.CmpAbs(largestBig) > 0 {
		return Int128{}, fmt.Errorf("sum %s does not fit 38 digits", n)
	}
	return Int128OfBig(n), nil
}

// Append writes an unscaled value with its decimal mark and full scale.
func Append(dst []byte, unscaled Int128, scale int) []byte {
	negative := unscaled.Sign() < 0
	if negative {
		unscaled = unscaled.Negate()
		dst = append(dst, '-')
	}
	var digits []byte
	var buf [48]byte
	if unscaled.HighBits() == 0 {
		digits = strconv.AppendUint(buf[:0], unscaled.LowBits(), 10)
	} else {
		digits = unscaled.BigInt().Append(buf[:0], 10)
	}
	if whole := len(digits) - scale; whole > 0 {
		dst = append(dst, digits[:whole]...)
		digits = digits[whole:]
	} else {
		dst = append(dst, '0')
	}
	if scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// Parse parses a decimal as AppendDecimal writes it, of any size, and returns it without its mark, and its scale. ok is
// false if the text is no decimal.
func Parse(text string) (unscaled *big.Int, scale int, ok bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	unscaled, ok = new(big.Int).SetString(whole+fraction, 10)
	return unscaled, len(fraction), ok
}

// Add adds two decimals at the finer of their scales, which differ once a type has grown. An empty text is zero. A sum
// of more than 38 digits is an error.
func Add(a, b string) (string, error) {
	if a == "" {
		return b, nil
	}
	a, b = Rescale(a, scaleOf(b)), Rescale(b, scaleOf(a))
	x, scale, okA := Parse(a)
	y, scaleB, okB := Parse(b)
	if !okA || !okB || scale != scaleB {
		return "", fmt.Errorf("decimals %q and %q cannot be added", a, b)
	}
	n, err := Narrow(x.Add(x, y))
	return string(Append(nil, n, scale)), err
}

// Rescale writes a decimal with at least scale decimals.
func Rescale(text string, scale int) string {
	missing := scale - scaleOf(text)
	if missing <= 0 {
		return text
	}
	if !strings.Contains(text, ".") {
		text += "."
	}
	return text + strings.Repeat("0", missing)
}

func scaleOf(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction)
}
