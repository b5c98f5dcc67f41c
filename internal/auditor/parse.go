// parse.go reads values by their text, exactly or not at all (DESIGN §6, types).

package auditor

import (
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var numberPattern = regexp.MustCompile(`^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?$`)

// parse reads the text of a CSV field or JSON string; ok is false for what goes to quarantine.
func parse(c *Column, text string) (v Value, ok bool) {
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return v, false
	}
	switch c.Type.Kind {
	case Text:
		return textValue(text), c.In == nil || slices.Contains(c.In, text)
	case Flag:
		n, ok := map[string]int64{"true": 1, "false": 0}[strings.ToLower(text)]
		return numberValue(Flag, big.NewRat(n, 1)), ok
	case Date:
		t, err := time.Parse("2006-01-02", text)
		return numberValue(Date, big.NewRat(t.Unix()/86400, 1)), err == nil && len(text) == 10 && t.Year() >= 1
	case Timestamp:
		return parseTimestamp(text)
	default:
		return parseNumber(c.Type, text)
	}
}

func parseTimestamp(text string) (Value, bool) {
	for _, day := range []string{"2006-01-02T", "2006-01-02 "} {
		for _, zone := range []string{"", "Z07:00", "-0700", "-07"} {
			t, err := time.Parse(day+"15:04:05"+zone, text)
			if err == nil && t.Nanosecond()%1000 == 0 && t.UTC().Year() >= 1 && !strings.Contains(text, ",") {
				return numberValue(Timestamp, big.NewRat(t.UnixMicro(), 1)), true
			}
		}
	}
	return Value{}, false
}

func parseNumber(t Type, text string) (v Value, ok bool) {
	if !numberPattern.MatchString(text) {
		return v, false
	}
	n, ok := new(big.Rat).SetString(text)
	return numberValue(t.Kind, n), ok && fits(n, t)
}

// fits reports whether a type holds a number exactly.
func fits(n *big.Rat, t Type) bool {
	unscaled := new(big.Rat).Mul(n, power(t.Scale))
	if !unscaled.IsInt() {
		return false
	}
	switch t.Kind {
	case Int:
		return unscaled.Num().IsInt64() && unscaled.Num().Int64() >= math.MinInt32 && unscaled.Num().Int64() <= math.MaxInt32
	case BigInt:
		return unscaled.Num().IsInt64()
	default:
		return unscaled.Abs(unscaled).Cmp(power(t.Precision)) < 0
	}
}

func power(digits int) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
}
