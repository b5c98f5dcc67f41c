// Tests of what a SELECT refers to.

package duck

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct{ sql, tables, functions string }{
		{"SELECT 1", "", ""},
		{"FROM a", "a:1", ""},
		{"SELECT *\nFROM a\nJOIN main.b ON true,\n\"C d\"", "a:2 main.b:3 C d:4", ""},
		{"SELECT (SELECT max(x) FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c) ORDER BY (SELECT 1 FROM d)", "b:1 d:1 a:1 c:1", ""},
		{"SELECT 1 FROM a UNION ALL SELECT 1 FROM b EXCEPT SELECT 1 FROM a", "a:1 b:1 a:1", ""},
		{"WITH a AS (SELECT * FROM a) SELECT * FROM a", "a:1", ""},
		{"WITH a AS (SELECT 1), b AS (SELECT * FROM A) SELECT * FROM b", "", ""},
		{"WITH b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM b, a", "a:1", ""},
		{"WITH a AS (SELECT 1) SELECT * FROM main.a", "main.a:1", ""},
		{"WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a) SELECT * FROM a", "", ""},
		{"SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS q, a", "a:1", ""},
		{"SELECT * FROM range(3), unnest([1]), generate_series(1, 2)", "", ""},
		{"SELECT * FROM read_csv('x'),\nquery('SELECT 1')", "", "read_csv:1 query:2"},
		{"SELECT * FROM 'x.parquet'", "x.parquet:1", ""},
	} {
		got, err := s.References(t.Context(), c.sql)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if tables, functions := referenceTexts(got.Tables), referenceTexts(got.Functions); tables != c.tables || functions != c.functions {
			t.Errorf("%s: got tables %q and functions %q, want %q and %q", c.sql, tables, functions, c.tables, c.functions)
		}
	}
}

func referenceTexts(list []Reference) string {
	texts := make([]string, len(list))
	for i, r := range list {
		texts[i] = strings.TrimPrefix(fmt.Sprintf("%s.%s:%d", r.Schema, r.Name, r.Line), ".")
	}
	return strings.Join(texts, " ")
}

func TestReferencesOfOtherStatements(t *testing.T) {
	t.Parallel()
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, c := range []struct {
		sql  string
		line int
	}{
		{"SELECT 1;\nSELECT 2", 1}, {"DROP TABLE a", 1}, {"", 1}, {"SELECT\n1 +\nFROM a", 3}, {"COPY a TO 'x'", 1}, {"SELECT x'", 1},
	} {
		_, err := s.References(t.Context(), c.sql)
		var fault *SelectError
		if !errors.As(err, &fault) || fault.Line() != c.line {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
}
