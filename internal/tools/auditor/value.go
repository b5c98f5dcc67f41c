// The model's typed values: exact and slow.

package auditor

import (
	"fmt"
	"math/big"
	"strings"
	"time"
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
