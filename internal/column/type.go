// Package column is the vocabulary of typed values: types, columns of values, their text, digest and Parquet form. It
// imports no other package of Bursar but decimal and does no I/O except through the writers that it is given.
package column

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kind is the kind of a column's type.
type Kind uint8

// The kinds of types. List is only made by list folds and cannot be declared.
const (
	String Kind = iota + 1
	Bool
	Int
	BigInt
	Decimal
	Date
	Timestamp
	JSON
	List
)

// Type is a column's type. Precision and Scale belong to Decimal, Fields to List (a list of structs).
type Type struct {
	Kind      Kind
	Precision int
	Scale     int
	Fields    []Field
}

// Field is one named column of a table, or one named value of a list's element.
type Field struct {
	Name     string
	Type     Type
	Required bool // never null, which is cheaper to write
}

var kindNames = map[Kind]string{
	String: "string", Bool: "bool", Int: "int", BigInt: "bigint",
	Date: "date", Timestamp: "timestamp", JSON: "json",
}

var sqlNames = map[Kind]string{Bool: "BOOLEAN", Int: "INTEGER", BigInt: "BIGINT", Date: "DATE", Timestamp: "TIMESTAMP"}

var decimalType = regexp.MustCompile(`^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$`)

// ParseType parses a type as declared in a stream file, such as "decimal(18,2)".
func ParseType(s string) (Type, error) {
	for kind, name := range kindNames {
		if s == name {
			return Type{Kind: kind}, nil
		}
	}
	m := decimalType.FindStringSubmatch(s)
	if m == nil {
		return Type{}, fmt.Errorf("unknown type %q: use string, bool, int, bigint, decimal(p,s), date, timestamp or json", s)
	}
	precision, _ := strconv.Atoi(m[1])
	scale, _ := strconv.Atoi(m[2])
	if precision < 1 || precision > 38 || scale > precision {
		return Type{}, fmt.Errorf("type %q: precision must be 1 to 38 and scale 0 to the precision", s)
	}
	return Type{Kind: Decimal, Precision: precision, Scale: scale}, nil
}

// String returns the type as declared in a stream file.
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case List:
		names := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			names[i] = f.Name + " " + f.Type.String()
		}
		return "list(" + strings.Join(names, ", ") + ")"
	default:
		return kindNames[t.Kind]
	}
}

// SQL returns the name of the type in DuckDB. A json column is stored as text.
func (t Type) SQL() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case List:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = QuoteIdentifier(f.Name) + " " + f.Type.SQL()
		}
		return "STRUCT(" + strings.Join(fields, ", ") + ")[]"
	default:
		return cmp.Or(sqlNames[t.Kind], "VARCHAR")
	}
}

// Widen returns the narrowest type that represents every value of both types exactly: one of them, a wider integer, or a decimal
// with enough digits before and after the decimal mark. ok is false if there is none.
func Widen(a, b Type) (t Type, ok bool) {
	wholeA, okA := a.WholeDigits()
	wholeB, okB := b.WholeDigits()
	switch {
	case a.Kind == b.Kind && a.Kind != Decimal:
		return a, a.Kind != List
	case okA && okB && a.Kind != Decimal && b.Kind != Decimal:
		return Type{Kind: BigInt}, true
	}
	t = Type{Kind: Decimal, Scale: max(a.Scale, b.Scale)}
	t.Precision = t.Scale + max(wholeA, wholeB)
	return t, okA && okB && t.Precision <= 38
}

// WholeDigits is the number of digits that a number of the type has before the decimal mark.
func (t Type) WholeDigits() (digits int, ok bool) {
	switch t.Kind {
	case Int:
		return 10, true
	case BigInt:
		return 19, true
	case Decimal:
		return t.Precision - t.Scale, true
	}
	return 0, false
}

// QuoteIdentifier quotes a name for SQL: column names may be SQL keywords.
func QuoteIdentifier(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// Types returns the types of columns.
func Types(fields []Field) []Type {
	types := make([]Type, len(fields))
	for i, f := range fields {
		types[i] = f.Type
	}
	return types
}
