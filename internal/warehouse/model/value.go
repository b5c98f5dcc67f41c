// Values of parameters, as literals of SQL.

package model

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bursar/internal/column"
	"bursar/internal/decimal"
)

// maxValue bounds the value of a parameter.
const maxValue = 64 << 10

// typeName names a type in SQL: that of a warehouse, or of the parser.
type typeName func(column.Type) string

// parserTypes are the names of types for DuckDB's parser.
func parserTypes(t column.Type) string { return t.SQL() }

// literalOf returns a value, as a person writes it, as a literal of its type. It must fit the type exactly.
func literalOf(t column.Type, text string, sqlName typeName) (string, error) {
	if len(text) > maxValue {
		return "", fmt.Errorf("the value is longer than %d bytes", maxValue)
	}
	exact, ok := exactText(t, text)
	if !ok {
		return "", fmt.Errorf("%q is not a %s", text, t)
	}
	switch t.Kind {
	case column.String:
		return quoteText(text)
	case column.Bool:
		return strings.ToUpper(exact), nil
	}
	return fmt.Sprintf("CAST('%s' AS %s)", exact, sqlName(t)), nil
}

var plainDecimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// exactText returns the text of a value in the form that all databases read; ok is false if it is not a value of the type.
func exactText(t column.Type, text string) (exact string, ok bool) {
	var err error
	switch t.Kind {
	case column.String:
		return text, true
	case column.Bool:
		return text, text == "true" || text == "false"
	case column.Int:
		_, err = strconv.ParseInt(text, 10, 32)
	case column.BigInt:
		_, err = strconv.ParseInt(text, 10, 64)
	case column.Decimal:
		unscaled, scale, ok := decimal.Parse(text)
		if !ok || scale > t.Scale || !plainDecimal.MatchString(text) {
			return "", false
		}
		digits := strings.TrimLeft(strings.TrimPrefix(unscaled.String(), "-"), "0")
		return text, len(digits)+t.Scale-scale <= t.Precision || digits == ""
	case column.Date:
		_, err = time.Parse(time.DateOnly, text)
	case column.Timestamp:
		return timestampText(text)
	default:
		return "", false
	}
	return text, err == nil
}

// timestampForm is an instant in UTC with microseconds.
const timestampForm = "2006-01-02 15:04:05.999999+00"

// timestampText reads an instant; without a zone it is UTC.
func timestampText(text string) (string, bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC().Format(timestampForm), at.Nanosecond()%1000 == 0
		}
	}
	return "", false
}

// quoteText quotes a text on one line, without a backslash, which Redshift takes for an escape.
func quoteText(text string) (string, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return "", errors.New("the value contains the character U+0000")
	}
	var out strings.Builder
	out.WriteByte('\'')
	for _, c := range text {
		switch c {
		case '\'':
			out.WriteString("''")
		case '\\', '\n', '\r':
			fmt.Fprintf(&out, "' || chr(%d) || '", c)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('\'')
	return "(" + out.String() + ")", nil
}

// instantLiteral returns an instant as a literal; null if there is none.
func instantLiteral(at *time.Time, sqlName typeName) string {
	t := column.Type{Kind: column.Timestamp}
	if at == nil {
		return fmt.Sprintf("CAST(NULL AS %s)", sqlName(t))
	}
	return fmt.Sprintf("CAST('%s' AS %s)", at.UTC().Format(timestampForm), sqlName(t))
}
