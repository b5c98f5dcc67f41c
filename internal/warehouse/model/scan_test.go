// Tests of the tokens of SQL.

package model

import (
	"strings"
	"testing"
)

func TestParametersAndStatements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, parameters string }{
		{"SELECT :a, :b_1 FROM t WHERE x>=:c AND (:d)::date < y", "a b_1 c d"},
		{"SELECT a::date, x[1:n], x[a:b], {'k':v}, f(a := 1), \"q\":x", ""},
		{"SELECT ':a', \":b\", 'it''s :c', $$ :d $$, $t$ :e $$ $t$ -- :f\n/* :g /* :h */ :i */", ""},
		{`SELECT E'\' :a', ':b\', :c`, "c"},
		{"SELECT 1 : 2, :", ""},
		{"SELECT 'open :a", ""},
		{"/* open :a", ""},
		{"SELECT $1, $, $a", ""},
		{":a", "a"},
	} {
		var names []string
		for _, token := range scan(c.sql) {
			if token.kind == parameter {
				names = append(names, c.sql[token.from+1:token.to])
			}
		}
		if got := strings.Join(names, " "); got != c.parameters {
			t.Errorf("%s: got parameters %q, want %q", c.sql, got, c.parameters)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"SELECT :a", "$t$ $t", "E'\\", "/*/**/", "x::y;", "\"", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		last := 0
		for _, token := range scan(sql) {
			if token.from < last || token.to <= token.from || token.to > len(sql) {
				t.Fatalf("token %+v after %d in %q", token, last, sql)
			}
			last = token.to
		}
	})
}
