// Each allowed function on decimals with more digits than a double has: an exact result, or an error.

package duck

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
)

// shapes are the ways in which functions are called on decimals.
var shapes = []string{
	"%s(x)", "%s(x, y)", "%s(x, 1)", "%s('a', x)", "%s([y, x])", "%s([y, x], x)", "%s([y, x], 1)", "%s([y, x], [x])",
	"%s([y, x], lambda v: v + x)", "%s([y, x], lambda a, b: a + b)", "%s({'a': x})", "%s({'a': x}, 'a')",
	"%s(map([x], [y]))", "%s(map([x], [y]), x)", "%s([{'k': x, 'v': y}])",
}

// exactNumbers are all long numbers that may result from x = 9007199254740993.01 and .03, and y = x + 0.01: the values, their sums,
// products and differences, rounded values, and concatenated texts. A double represents none of those with decimals.
var exactNumbers = set(`
	9007199254740993.01 9007199254740993.02 9007199254740993.03 9007199254740993.04 9007199254740993.0 9007199254740993 9007199254740994
	9007199254740994.01 9007199254740994.02 9007199254740994.03 9007199254740994.04 9007199254740995.01 9007199254740995.03 9007199254740992.01
	9007199254740992.03 18014398509481986.02 18014398509481986.03 18014398509481986.04 18014398509481986.06 18014398509481986.07
	81129638414606699980403492268278.7902 81129638414606700340691462457918.5112
	9007199254740993.019007199254740993.02 9007199254740993.039007199254740993.04 9007199254740993.011 9007199254740993.031`)

func TestFunctionsAreExactOnDecimals(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{Threads: 1, Memory: "256MB"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	decimal := column.Type{Kind: column.Decimal, Precision: 38, Scale: 2}
	tables := map[string][]column.Field{"t": {{Name: "x", Type: decimal}, {Name: "y", Type: decimal}}}
	const values = "(SELECT x, x + 0.01 AS y FROM (VALUES (9007199254740993.01::DECIMAL(38,2)), (9007199254740993.03)) AS v(x)) AS t"
	number, allowed := regexp.MustCompile(`[0-9.]{15,}`), 0
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(functions)), slices.Sorted(maps.Keys(aggregates))) {
		for _, call := range calls(name) {
			if _, _, err := s.Select(t.Context(), tables, "SELECT ("+call+")::VARCHAR AS r FROM t"); err != nil {
				continue
			}
			allowed++
			var got []byte
			err := s.Query(t.Context(), "SELECT ("+call+")::VARCHAR FROM "+values, func(rows []column.Vector) error {
				for i := range rows[0].Len() {
					got = append(rows[0].AppendJSON(got, i), ' ')
				}
				return nil
			})
			for _, n := range number.FindAllString(string(got), -1) {
				if !exactNumbers[n] {
					t.Errorf("%s gives %s: %s is not exact (%v)", call, got, n, err)
				}
			}
		}
	}
	if allowed < 100 {
		t.Errorf("%d calls are allowed", allowed)
	}
}

func calls(name string) (list []string) {
	if strings.ContainsAny(name, "+-*/%^&|~<>@!") {
		return []string{"x " + name + " y", name + " x"}
	}
	for _, shape := range shapes {
		list = append(list, fmt.Sprintf(shape, name))
	}
	return list
}
