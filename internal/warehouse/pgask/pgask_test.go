// Tests of the tokens of statements, and of what is refused before the server sees it.

package pgask

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`SELECT "a""b", 'it''s; $$', x.Y_1$ FROM t --; x` + "\n;":         `select "a"b" , '' , x . y_1$ from t ;`,
		`/* a /* nested ; */ ' */ E'\';'::text`:                           `'' : : text`,
		"$$ ; $$ $tag$ $$ ; $other$ $tag$ $ a$b$c":                        "'' '' $ a$b$c",
		"$1 U&'\\0041' n'x' 1e5 1.5 -2--3":                                "$ 1 u & '' n '' 1 e5 1 . 5 - 2",
		"ŽLUŤ \"Č\" select\v1\f":                                          "ŽluŤ \"Č\" select 1",
		"a/**/(b)/*/**/*/c--\rd":                                          "a ( b ) c d",
		"U& \"x\"":                                                        "u & \"x\"",
		"''''''":                                                          "''",
		"E'a' 'b' e 'c' xe'd' E'\\\\' 'a\\b'":                             "'' '' e '' xe '' '' ''",
		"SELECT 1 WHERE 'a' LIKE '\\\\' || '%' AND pg_read_file('x') = '": "",
	} {
		list, err := tokens(sql)
		if want == "" {
			if err == nil {
				t.Errorf("%s is accepted", sql)
			}
			continue
		}
		var got []string
		for _, token := range list {
			switch token.kind {
			case quoted:
				got = append(got, `"`+token.text+`"`)
			case literal:
				got = append(got, "''")
			default:
				got = append(got, token.text)
			}
		}
		if strings.Join(got, " ") != want || err != nil {
			t.Errorf("%s: %s, %v", sql, strings.Join(got, " "), err)
		}
	}
}

func TestTokensAreRefused(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT 'a": "line 1, column 8: the text does not end", "SELECT\n \"a": "line 2, column 2: the name does not end", "/* /* */": "the comment does not end", "$a$ x $b$": "$a$ is missing",
		`SELECT 'a\'`: "a backslash before a quote", `SELECT U&"\0061"`: `U&"…" is refused`, "SELECT E'\\'": "does not end", "\xff": "not valid UTF-8", "a\x00": "not valid UTF-8", "SELECT 'x' E'": "does not end",
	} {
		_, err := tokens(sql)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestStatementsOfOneKind(t *testing.T) {
	t.Parallel()
	accepted := []string{
		"SELECT 1", "((SELECT 1))", "with a as (select 1) table a", "VALUES (1)", "TABLE t;;", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE VERBOSE WITH a AS (SELECT 1) TABLE a", "explain (analyze, format json) select 1",
		"EXPLAIN (SELECT 1)", "EXPLAIN (COSTS OFF) (SELECT 1)", "SELECT x AS explain, substring(a FOR 2), 'INTO', \"into\" FROM t", "SELECT * FROM pg_class, pg_catalog.pg_attribute", "SELECT lo_orderkey FROM lineorder",
	}
	for _, sql := range accepted {
		if _, err := check(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"", "  -- x", "SHOW x", "EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (ANALYZE", "EXPLAIN (ANALYZE) CREATE TABLE t AS SELECT 1", "EXPLAIN EXECUTE p", "EXPLAIN (ANALYZE) (ANALYZE) INSERT INTO t SELECT 1", "EXPLAIN EXPLAIN SELECT 1",
		"\"select\" 1", "'select'", "(", "()", "(INSERT INTO t VALUES (1))", "SELECT 1;SELECT 2", "SELECT 1;;;x", "COPY t TO 'x'", "SELECT 1 INTO t", "SELECT 1 FOR NO KEY UPDATE", "SELECT 1 FOR SHARE", "TABLE pg_authid", "SELECT \"pg_read_file\"('x')", "SELECT \"PG_read_file\"('x')", `SELECT "a\"(1)`,
	} {
		if _, err := check(sql); err == nil {
			t.Errorf("%s is accepted", sql)
		}
	}
}

// check returns the names of the functions that a statement calls.
func check(sql string) (names []string, err error) {
	list, err := tokens(sql)
	if err != nil {
		return nil, err
	}
	calls, err := checkTokens(sql, list, nil)
	for _, c := range calls {
		names = append(names, c.text)
	}
	return names, errors.Join(err, checkLocks(sql, list))
}

// TestCallsAreFound puts a call into every place of a statement in which a function may stand.
func TestCallsAreFound(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"f('x')", "F ('x')", "f\n(\t'x')", "f/**/('x')", "f--\n('x')", `"f"('x')`, "public.f('x')", `"public" . "f" ('x')`, "f(VARIADIC a)"} {
		for _, sql := range []string{
			"SELECT %s", "SELECT 1 FROM %s", "SELECT 1 FROM t, LATERAL %s AS x", "WITH a AS (SELECT %s) SELECT 1 FROM a", "SELECT 1 FROM t WHERE EXISTS (SELECT %s)", "SELECT 1 ORDER BY %s", "SELECT 1 LIMIT %s",
			"VALUES (%s)", "SELECT CASE WHEN %s THEN 1 END", "SELECT sum(1) OVER (PARTITION BY %s)", "SELECT sum(1) FILTER (WHERE %s)", "SELECT ARRAY[%s]", "SELECT ROW(%s)", "SELECT 'a' || %s", "SELECT 1 FROM ROWS FROM (%s)", "EXPLAIN SELECT %s",
			"SELECT 1 UNION ALL SELECT %s", "SELECT 1 GROUP BY %s", "SELECT 1 FROM t JOIN u ON %s", "SELECT (%s).x", "SELECT %s::text", "SELECT -%s",
		} {
			sql = fmt.Sprintf(sql, form)
			names, err := check(sql)
			found := false
			for _, name := range names {
				found = found || name == "f"
			}
			if err != nil || !found {
				t.Errorf("%s: %v, %v", sql, names, err)
			}
		}
	}
}

// TestCallsAreJudged checks functions by what the server knows: also those of an extension or of a person.
func TestCallsAreJudged(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	postgrestest.ExecIn(t, url, "CREATE FUNCTION changes() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION reads(text) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'",
		"CREATE FUNCTION computes(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'", `CREATE FUNCTION "it's"() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for sql, refused := range map[string]string{
		"SELECT now(), random(), upper('x'), to_char(now(), 'YYYY'), count(*), no_such_function(1), computes(1), gen_random_uuid()": "",
		"SELECT * FROM t TABLESAMPLE system (1)": "", "SELECT pg_total_relation_size('t'), pg_size_pretty(1)": "",
		"SELECT changes()": "changes()", "SELECT public.CHANGES ()": "changes()", "SELECT reads('SELECT 1')": "reads()", `SELECT "it's"()`: "it's()", "SELECT upper(changes()::text)": "changes()",
		"SELECT lo_import('x')": "lo_import()", "SELECT lo_get(1)": "lo_get()", "SELECT ts_stat('SELECT 1')": "ts_stat()", "SELECT query_to_xmlschema('SELECT 1', true, true, '')": "query_to_xmlschema", "SELECT setval('s', 1)": "setval()",
		"SELECT cursor_to_xml('c', 1, true, true, '')": "cursor_to_xml", "SELECT set_config('a.b', 'x', true)": "set_config()", "SELECT ts_rewrite('a'::tsquery, 'SELECT 1')": "ts_rewrite()", "SELECT currtid2('t', '(0,1)')": "currtid2()",
	} {
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly})
		if err != nil {
			t.Fatal(err)
		}
		err = Check(t.Context(), tx, sql)
		var got *warehouse.StatementError
		if refused == "" && err != nil || refused != "" && (!errors.As(err, &got) || !strings.Contains(got.Message, refused)) {
			t.Errorf("%s: %v", sql, err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzTokens compares the tokens with a server that is asked what it executes: what is accepted is one statement to it, too.
func FuzzTokens(f *testing.F) {
	for _, sql := range []string{
		"SELECT 1; SELECT 2", "SELECT 'a;b'", "SELECT E'\\';' ; SELECT 2", "SELECT $$;$$", "SELECT /* ; */ 1;", "SELECT \";\" --;\n", "VALUES ('it''s')", "SELECT U&'\\003b'", "EXPLAIN SELECT 1", "SELECT $a$;$b$;$a$", "SELECT 1 -- ';\n; SELECT 'x'",
	} {
		f.Add(sql)
	}
	conn, err := pgx.Connect(f.Context(), postgrestest.Shared(f).URL("postgres"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.Close(context.Background()) })
	f.Fuzz(func(t *testing.T, sql string) {
		_, err := check(sql)
		if err != nil {
			return
		}
		_, err = conn.PgConn().Prepare(t.Context(), "", sql, nil)
		if err != nil && strings.Contains(err.Error(), "cannot insert multiple commands") {
			t.Errorf("%q is accepted as one statement: %v", sql, err)
		}
	})
}
