// The model's typed values: exact and slow. Text is parsed exactly or not at all (DESIGN §6, types).

package auditor

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is the kind of a column's type.
type Kind int

// The kinds of DESIGN §6 that workloads use.
const (
	Text Kind = iota + 1
	Flag
	Int
	BigInt
	Decimal
	Date
	Timestamp
)

// Type is a column's declared type; Precision and Scale belong to Decimal.
type Type struct {
	Kind             Kind
	Precision, Scale int
}

// String is the type as a stream file declares it.
func (t Type) String() string {
	if t.Kind == Decimal {
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	}
	return map[Kind]string{Text: "string", Flag: "bool", Int: "int", BigInt: "bigint", Date: "date", Timestamp: "timestamp"}[t.Kind]
}

// widen returns the type that contains the values of both exactly.
func widen(a, b Type) Type {
	switch {
	case a.Kind != b.Kind:
		return Type{Kind: BigInt} // of Int and BigInt
	case a.Kind != Decimal:
		return a
	}
	scale := max(a.Scale, b.Scale)
	return Type{Decimal, scale + max(a.Precision-a.Scale, b.Precision-b.Scale), scale}
}

// Value is one value; the zero Value is null. A number holds itself, a flag 0 or 1, a date its days and a timestamp its
// microseconds since 1970.
type Value struct {
	text   string
	number *big.Rat
	kind   Kind
}

func textValue(s string) Value { return Value{kind: Text, text: s} }

func numberValue(kind Kind, n *big.Rat) Value { return Value{kind: kind, number: n} }

// IsNull reports whether there is no value.
func (v Value) IsNull() bool { return v.kind == 0 }

// compare orders values of one column: null first, texts by their bytes, all else by value.
func compare(a, b Value) int {
	switch {
	case a.IsNull() && b.IsNull():
		return 0
	case a.IsNull():
		return -1
	case b.IsNull():
		return 1
	case a.kind == Text:
		return strings.Compare(a.text, b.text)
	default:
		return a.number.Cmp(b.number)
	}
}

// plain formats a value for people.
func (v Value) plain(t Type) string {
	switch {
	case v.IsNull():
		return ""
	case t.Kind == Text:
		return v.text
	case t.Kind == Flag:
		return map[bool]string{true: "true", false: "false"}[v.number.Sign() != 0]
	case t.Kind == Date:
		return time.Unix(v.number.Num().Int64()*86400, 0).UTC().Format("2006-01-02")
	case t.Kind == Timestamp:
		return time.UnixMicro(v.number.Num().Int64()).UTC().Format(time.RFC3339Nano)
	default:
		return v.number.FloatString(t.Scale)
	}
}

// json writes a value as DESIGN §7 prints it: decimals and times are strings, integers numbers.
func (v Value) json(t Type) string {
	switch {
	case v.IsNull():
		return "null"
	case t.Kind == Flag || t.Kind == Int || t.Kind == BigInt:
		return v.plain(t)
	default:
		return quote(v.plain(t))
	}
}

var escapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\t': `\t`, '\r': `\r`}

// quote writes a JSON string that escapes only what JSON demands.
func quote(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch escape, known := escapes[r]; {
		case known:
			b.WriteString(escape)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// canonical returns a text that is equal for equal values of any type: 1, 1.0 and 1.00 are equal.
func (v Value) canonical() string {
	if v.kind == Text {
		return "t" + quote(v.text)
	}
	return "n" + v.number.RatString()
}

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
