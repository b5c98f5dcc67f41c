// Analysis of expressions: the columns that a value depends on, and comparisons with constants.

package duck

import (
	"fmt"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for expr, want := range map[string]string{
		"a = 'x' AND (b IN ('y', 'z') AND 3 = c)":         "; a=x always; b=y,z always; c=3 always",
		"a = 'x' OR b <> 'y'":                             "; a=x; b<>y",
		"NOT (a = 'x' AND b)":                             "b; a=x",
		"a IS DISTINCT FROM 'x' AND b NOT IN ('y')":       "; a<>x always; b<>y always",
		"CASE a WHEN 'q' THEN c ELSE d + e::BIGINT END":   "c,d,e; a=q",
		"CASE WHEN a > 1 AND b THEN c * 2 END":            "c",
		"a IN ['x', 'y'] AND \"a\" = 'x'::VARCHAR":        "; a=x,y always; a=x always",
		"a = upper('x') AND b = c AND d LIKE 'x%'":        "d",
		"a = NULL OR b NOT IN ('x', NULL) OR c IN (NULL)": "; a= null; b<>x null; c= null",
		"a IS NOT DISTINCT FROM NULL OR b IN ('x', NULL)": "; a=; b=x",
	} {
		r, err := s.Analyze(t.Context(), expr)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{strings.Join(r.Columns, ",")}
		for _, c := range r.Conditions {
			op, more := map[bool]string{true: "=", false: "<>"}[c.Equal], ""
			if c.Always {
				more += " always"
			}
			if c.Null {
				more += " null"
			}
			got = append(got, fmt.Sprintf("%s%s%s%s", c.Column, op, strings.Join(c.Values, ","), more))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s says %q, want %q", expr, strings.Join(got, "; "), want)
		}
	}
}
