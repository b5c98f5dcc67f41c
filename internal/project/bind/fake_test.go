// An SQL engine for tests, which knows the types of a few expressions.

package bind

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// fakeBinder supports only the SQL that the tests need, and accepts any lambda: identifiers, number literals, + - *, comparisons, CASE,
// coalesce and a trailing ::type that decides the type.
type fakeBinder struct{}

var (
	fakeKeywords = []string{"case", "when", "then", "else", "end", "and", "or", "not", "is", "null", "in", "true", "false"}
	fakeCount    = regexp.MustCompile(`^CASE .* THEN -?[0-9]+ ELSE -?[0-9]+ END$`)
	fakeCast     = regexp.MustCompile(`^CAST\((.*) AS ([A-Z0-9(),]+)\)$`)
	fakeInner    = regexp.MustCompile(`CAST\(([^()]*) AS [A-Z0-9(),]+\)`)
	fakeField    = regexp.MustCompile(`\]\.[a-z_]+`) // of an element of a list
	fakeDecimal  = regexp.MustCompile(`\b[0-9]+\.([0-9]+)\b`)
)

func (fakeBinder) Bind(_ context.Context, columns []column.Field, expr string, when column.Evaluation) (column.Type, error) {
	if when != column.InQueries && strings.Contains(expr, "now()") {
		return column.Type{}, errors.New("now() can change between calls")
	}
	if strings.Contains(expr, "lambda ") { // whose parameters are names too
		return column.Type{Kind: column.JSON}, nil
	}
	expr = fakeCast.ReplaceAllStringFunc(expr, func(cast string) string {
		m := fakeCast.FindStringSubmatch(cast)
		return m[1] + "::" + strings.ToLower(m[2])
	})
	body, cast, isCast := strings.Cut(fakeField.ReplaceAllString(fakeInner.ReplaceAllString(expr, "$1"), "]"), "::")
	var used []column.Type
	for _, m := range sqlWord.FindAllStringSubmatch(body, -1) {
		name := strings.ToLower(m[1] + m[2])
		if name == "" || m[3] != "" || m[2] != "" && slices.Contains(fakeKeywords, name) {
			continue
		}
		at := slices.IndexFunc(columns, func(c column.Field) bool { return c.Name == name })
		if at < 0 {
			return column.Type{}, fmt.Errorf("column %q not found\n\nLINE 1: %s\n  ^", name, expr)
		}
		used = append(used, columns[at].Type)
	}
	switch {
	case isCast:
		return column.ParseType(cast)
	case strings.HasPrefix(body, "coalesce("):
		return used[0], nil
	case fakeCount.MatchString(body):
		return column.Type{Kind: column.Int}, nil
	case strings.HasPrefix(body, "CASE"):
		return column.Type{Kind: column.String}, nil
	case strings.ContainsAny(body, "=<>"), strings.Contains(body, " IN ("):
		return column.Type{Kind: column.Bool}, nil
	}
	return fakeArithmetic(body, used), nil
}

var fakeCondition = regexp.MustCompile(`([a-z_]+) (=|<>) '([^']*)'`)

// Analyze supports conditions joined by AND, and takes every word of any other expression for a column.
func (fakeBinder) Analyze(_ context.Context, expr string) (column.Analysis, error) {
	var r column.Analysis
	for _, m := range fakeCondition.FindAllStringSubmatch(expr, -1) {
		r.Conditions = append(r.Conditions, column.Condition{
			Column: m[1], Values: []string{m[3]}, Texts: true, Equal: m[2] == "=", Always: !strings.Contains(expr, " OR "),
		})
	}
	if len(r.Conditions) == 0 {
		for _, m := range sqlWord.FindAllStringSubmatch(expr, -1) {
			r.Columns = append(r.Columns, m[1]+m[2])
		}
	}
	return r, nil
}

// Select supports "SELECT name type, …", each column on a separate line: the first line is line 1.
func (fakeBinder) Select(_ context.Context, tables map[string][]column.Field, sql string) ([]column.Field, []int, error) {
	var fields []column.Field
	var lines []int
	for i, line := range strings.Split(strings.TrimPrefix(sql, "SELECT "), "\n") {
		name, typ, found := strings.Cut(strings.Trim(line, " ,"), " ")
		t, err := column.ParseType(typ)
		if !found || err != nil {
			return nil, nil, &fakeSelectError{i + 1, fmt.Sprintf("cannot read %q over %d tables", line, len(tables))}
		}
		fields, lines = append(fields, column.Field{Name: name, Type: t}), append(lines, i+1)
	}
	return fields, lines, nil
}

type fakeSelectError struct {
	line    int
	message string
}

func (e *fakeSelectError) Error() string { return e.message }
func (e *fakeSelectError) Line() int     { return e.line }

func fakeArithmetic(body string, used []column.Type) column.Type {
	if len(used) == 1 && doc.IsName(strings.Trim(body, `"`)) {
		return used[0]
	}
	scale, decimal := 0, false
	for _, m := range fakeDecimal.FindAllStringSubmatch(body, -1) {
		used = append(used, column.Type{Kind: column.Decimal, Scale: len(m[1])})
	}
	for _, t := range used {
		decimal = decimal || t.Kind == column.Decimal
		if strings.Contains(body, "*") {
			scale += t.Scale
		} else {
			scale = max(scale, t.Scale)
		}
	}
	if !decimal {
		return column.Type{Kind: column.BigInt}
	}
	return column.Type{Kind: column.Decimal, Precision: 38, Scale: scale}
}
