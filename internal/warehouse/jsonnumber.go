// Numbers in JSON that servers cannot store: PostgreSQL stores those of jsonb as numeric.

package warehouse

import (
	"bytes"
	"strconv"
)

// The longest number, in bytes, and the largest exponent. Together they are below the limits of PostgreSQL's numeric: 131072 digits before the
// decimal point and 16383 after it.
const (
	maxNumber   = 6000
	maxExponent = 10_000
)

// HasHugeNumber reports whether a valid JSON text has a number with so many digits.
func HasHugeNumber(json []byte) bool {
	for i := 0; i < len(json); i++ {
		switch c := json[i]; {
		case c == '"':
			i = textEnd(json, i)
		case c == '-' || c-'0' <= 9:
			end := i + 1
			for end < len(json) && isInNumber(json[end]) {
				end++
			}
			if isHuge(json[i:end]) {
				return true
			}
			i = end
		}
	}
	return false
}

// textEnd returns the position of the quote that ends a text.
func textEnd(json []byte, i int) int {
	for i++; i < len(json) && json[i] != '"'; i++ {
		if json[i] == '\\' {
			i++
		}
	}
	return i
}

func isInNumber(c byte) bool {
	return c-'0' <= 9 || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

func isHuge(number []byte) bool {
	if len(number) > maxNumber {
		return true
	}
	at := bytes.IndexAny(number, "eE")
	if at < 0 {
		return false
	}
	exponent, err := strconv.Atoi(string(number[at+1:]))
	return err != nil || exponent > maxExponent || exponent < -maxExponent
}
