// Tests of tokens against DuckDB's own parser.

package wire

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

func TestScan(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT $1,'it''s $2' -- $3\n, $4": "SELECT|$1|,|'it''s $2'|,|$4", `"a""$1".b::int[]`: `"a""$1"|.|b|::|int|[|]`, "/* $1 /* $2 */ */ $3": "$3", "E'\\'$1' $2": "E'\\'$1'|$2",
		"$a$ $1 $a$ $2": "$a$ $1 $a$|$2", "$$;$$;": "$$;$$|;", "a$1 $2": "a$1|$2", "1.5e-3+.5": "1.5e-3|+|.5", "x'00' N'ü' Übung": "x'00'|N'ü'|Übung", "'open": "'open", "/* open": "", "$1$2": "$1|$2", "0x1F-1": "0x1F|-|1",
		"\u00a0$1\u3000": "$1", "1e'\\'": "1|e'\\'",
	} {
		var got []string
		for _, token := range scan(sql) {
			got = append(got, token.text)
			if sql[token.at:token.end()] != token.text {
				t.Errorf("%q: token %q is at %d", sql, token.text, token.at)
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q, want %q", sql, strings.Join(got, "|"), want)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"": "", " ; ;-- ;\n": "", "SELECT 1": "0 SELECT 1", "SELECT ';' ; SELECT 2;": "0 SELECT ';' |13 SELECT 2", "/*;*/SELECT 1": "5 SELECT 1",
	} {
		var got []string
		for _, s := range split(sql) {
			got = append(got, fmt.Sprintf("%d %s", s.at, s.sql))
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %q, want %q", sql, strings.Join(got, "|"), want)
		}
	}
}

// duckDB is a connection that only parses.
func duckDB(t testing.TB) duckdb.Connection {
	t.Helper()
	var db duckdb.Database
	var conn duckdb.Connection
	if duckdb.Open(":memory:", &db) != duckdb.StateSuccess || duckdb.Connect(db, &conn) != duckdb.StateSuccess {
		t.Fatal("no connection")
	}
	t.Cleanup(func() {
		duckdb.Disconnect(&conn)
		duckdb.Close(&db)
	})
	return conn
}

// FuzzScan compares the number of statements, and that of parameters of each, with what DuckDB's parser finds.
func FuzzScan(f *testing.F) {
	for _, sql := range []string{
		"SELECT $1", "SELECT '$1', \"$2\", $3", "SELECT $$ $1 $$, $t$ $$ $t$, $2", "SELECT E'\\'$1', $1 -- $2", "SELECT 1;SELECT $2;;", "/* /* */ $1 */ SELECT $1", "SELECT a$1 FROM (SELECT 1 AS a$1)", "SELECT 1e5, 1.e2, .5e-1, 0x1F, 1_000, $1",
		"SELECT x'00', b'01', n'a', u&'\\0041'", "SELECT 1e'\\' $1'", "SELECT $1::INTEGER[1], {'a': $2}", "SELECT 'a'\n'$1', $1", "VALUES ($1, $2), ($1, 3)", "SELECT \"a\"\"$1\", $1", "SELECT 1--\r$1", "SELECT\u00a0$1", "SELECT $1a, 1a", "SELECT a.$1, b->>$1, c @> $2",
	} {
		f.Add(sql)
	}
	conn := duckDB(f)
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 500 || !utf8.ValidString(sql) || strings.ContainsAny(sql, "\x00?") {
			return // ? is another notation of parameters, and an operator
		}
		var extracted duckdb.ExtractedStatements
		defer duckdb.DestroyExtracted(&extracted)
		n := int(duckdb.ExtractStatements(conn, sql, &extracted))
		if n == 0 {
			return
		}
		statements := split(sql)
		if len(statements) != n {
			t.Fatalf("%q: %d statements, DuckDB has %d", sql, len(statements), n)
		}
		for i, s := range statements {
			var prepared duckdb.PreparedStatement
			valid := duckdb.PrepareExtractedStatement(conn, extracted, duckdb.IdxT(i), &prepared) == duckdb.StateSuccess
			want := 0
			for n, left := duckdb.IdxT(1), duckdb.NParams(prepared); left > 0 && n < 1000; n++ {
				name := duckdb.ParameterName(prepared, n)
				if name != "" {
					left--
				}
				if name != "" && isDigit(name[0]) { // the check refuses others
					want++
				}
			}
			duckdb.DestroyPrepare(&prepared)
			names := map[string]bool{}
			for _, token := range s.tokens {
				if token.kind == parameter {
					names[strings.TrimLeft(token.text[1:], "0")] = true
				}
			}
			if valid && len(names) != want {
				t.Fatalf("%q: the parameters of statement %d are %v, DuckDB has %d", sql, i, names, want)
			}
		}
	})
}
