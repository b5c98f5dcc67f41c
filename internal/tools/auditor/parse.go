// Parses values from text, exactly or not at all (DESIGN §6, types).

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

var (
	numberPattern  = regexp.MustCompile(`^[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?$`)
	groupedPattern = regexp.MustCompile(`^[+-]?((\d+|\d{1,3}(\.\d{3})+)(,\d+)?|,\d+)([eE][+-]?\d+)?$`)
)

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
		return parseDate(c.Format, text)
	case Timestamp:
		return parseTimestamp(c.Zone, text)
	default:
		if c.Comma {
			if !groupedPattern.MatchString(text) {
				return v, false
			}
			text = strings.NewReplacer(".", "", ",", ".").Replace(text)
		}
		return parseNumber(c.Type, text)
	}
}

func parseDate(f *Format, text string) (Value, bool) {
	layout, fits := "2006-01-02", len(text) == 10
	if f != nil {
		layout, fits = f.Layout, true
	}
	t, err := time.Parse(layout, text)
	return numberValue(Date, big.NewRat(t.Unix()/86400, 1)), err == nil && fits && t.Year() >= 1
}

func parseTimestamp(local, text string) (Value, bool) {
	for _, day := range []string{"2006-01-02T", "2006-01-02 "} {
		for _, zone := range []string{"", "Z07:00", "-0700", "-07"} {
			t, err := time.Parse(day+"15:04:05"+zone, text)
			if err != nil || t.Nanosecond()%1000 != 0 || t.UTC().Year() < 1 || strings.Contains(text, ",") {
				continue
			}
			ok := true
			if zone == "" && local != "" {
				t, ok = localTime(local, t)
			}
			return numberValue(Timestamp, big.NewRat(t.UnixMicro(), 1)), ok
		}
	}
	return Value{}, false
}

// localTime returns the instant of a local time in a zone; ok is false if there is none or if there are two.
func localTime(name string, shown time.Time) (t time.Time, ok bool) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	found := map[int64]time.Time{}
	for hours := -24; hours <= 24; hours++ { // offsets that are in force around it
		_, offset := shown.Add(time.Duration(hours) * time.Hour).In(zone).Zone()
		at := shown.Add(-time.Duration(offset) * time.Second)
		if at.In(zone).Format(time.DateTime) == shown.Format(time.DateTime) {
			found[at.UnixMicro()] = at
		}
	}
	for _, t = range found {
		ok = len(found) == 1
	}
	return t, ok
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
