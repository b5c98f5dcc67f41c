// Tests of the analysis of SELECT statements.

package duck_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	s := open(t, duck.Options{Threads: 1})
	tables := map[string][]column.Field{
		"delta": {{Name: "order", Type: column.Type{Kind: column.String}}, {Name: "n", Type: column.Type{Kind: column.BigInt}}},
		"state": {
			{Name: "order", Type: column.Type{Kind: column.String}},
			{Name: "user", Type: column.Type{Kind: column.String}},
			{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}},
		},
	}
	for _, c := range []struct {
		sql, want, fails string
		line             int
	}{
		{sql: "SELECT \"order\",\n  sum(n) AS n\nFROM delta GROUP BY ALL", want: "order string 1, n decimal(38,0) 2"},
		{sql: "SELECT * FROM delta -- no more;\n;\n-- at all", want: "order string 1, n bigint 1"},
		{sql: "WITH x AS (SELECT * FROM state)\nSELECT x.amount\nFROM x JOIN main.delta USING (\"order\")", fails: `table "delta" is refused: only delta and state can be read`, line: 3},
		{sql: "WITH x AS (SELECT * FROM state)\nSELECT x.amount, \"user\"\nFROM x JOIN delta USING (\"order\")", want: "amount decimal(18,2) 2, user string 2"},
		{sql: "SELECT list({a: n})\n AS l, (SELECT max(amount) FROM state) AS m FROM delta", want: "l list(a bigint) 1, m decimal(18,2) 2"},
		{sql: "SELECT u.x FROM (SELECT unnest([1, 2]) AS x) u, range(3)", want: "x int 1"},
		{sql: "", fails: "must be one SELECT", line: 1},
		{sql: "-- nothing", fails: "must be one SELECT", line: 1},
		{sql: "SELECT 1;\nSELECT 2", fails: "these are 2", line: 1},
		{sql: "SELECT 1; DROP TABLE x", fails: "must be one SELECT", line: 1},
		{sql: "ATTACH 'x.db'", fails: "must be one SELECT", line: 1},
		{sql: "COPY delta TO 'x.csv'", fails: "must be one SELECT", line: 1},
		{sql: "CREATE TABLE x AS SELECT 1", fails: "must be one SELECT", line: 1},
		{sql: "PRAGMA version", fails: "", line: 1},
		{sql: "SELECT 1\n\nFORM x y", fails: "syntax error", line: 3},
		{sql: "SELECT n,\n  nosuch\nFROM delta", fails: `"nosuch" not found`, line: 2},
		{sql: "SELECT n,\r\n  nosuch\r\nFROM delta", fails: `"nosuch" not found`, line: 2},
		{sql: "SELECT n,\r  nosuch FROM delta", fails: `"nosuch" not found`, line: 2},
		{sql: "SELECT n,\r\n\r [n] AS l FROM delta", fails: "column l: a list of plain values", line: 3},
		{sql: "SELECT n,\n\r\n FORM x y", fails: "syntax error", line: 3},
		{sql: "SELECT\n n FROM nosuch", fails: `table "nosuch" is refused`, line: 2},
		{sql: "SELECT *\nFROM 'x.parquet'", fails: `table "x.parquet" is refused`, line: 2},
		{sql: "SELECT *\nFROM read_csv('/etc/passwd')", fails: "table function read_csv() is refused", line: 2},
		{sql: "SELECT * FROM delta WHERE n IN (\nSELECT size FROM read_text('/etc/passwd'))", fails: "read_text() is refused", line: 2},
		{sql: "SELECT * FROM query('SELECT 1')", fails: "query() is refused", line: 1},
		{sql: "SELECT * FROM duckdb_settings()", fails: "duckdb_settings() is refused", line: 1},
		{sql: "SELECT * FROM information_schema.tables", fails: `table "tables" is refused`, line: 1},
		{sql: "SELECT n,\n random() AS r FROM delta", fails: "random() is refused", line: 2},
		{sql: "SELECT n FROM delta\nORDER BY uuid()", fails: "uuid() is refused", line: 2},
		{sql: "SELECT current_date AS d", fails: "current_date is refused", line: 1},
		{sql: "SELECT n FROM delta\nUSING SAMPLE 3", fails: "a sample is refused", line: 1},
		{sql: "SELECT n FROM delta TABLESAMPLE 3%", fails: "a sample is refused", line: 1},
		{sql: "SELECT n,\n avg(n) AS mean\nFROM delta GROUP BY n", fails: "column mean: a binary floating point result is refused", line: 2},
		{sql: "SELECT n,\n sum(amount::DOUBLE)::VARCHAR AS s\nFROM state, delta GROUP BY n", fails: "binary floating point is refused", line: 2},
		{sql: "SELECT n FROM (SELECT n,\n n / 2 > 1 AS half FROM delta)", fails: "binary floating point is refused", line: 2},
		{sql: "SELECT list_transform([n], lambda x: sqrt(x)::VARCHAR)::VARCHAR AS s FROM delta", fails: "binary floating point is refused", line: 1},
		{sql: "SELECT avg(amount)::VARCHAR AS s FROM state", fails: "binary floating point is refused", line: 1},
		{sql: "SELECT median(amount) AS m FROM state", fails: "write quantile_disc(x, 0.5)", line: 1},
		{sql: "SELECT quantile_disc(amount, 0.5) AS m FROM state", want: "m decimal(18,2) 1"},
		{sql: "SELECT amount FROM state\nWHERE amount = '0.345'", fails: "more decimals than DECIMAL(18,2)", line: 2},
		{sql: "SELECT (WITH duckdb_tables AS (SELECT 1 AS x) SELECT x FROM duckdb_tables) AS n, table_name FROM duckdb_tables", fails: "table function duckdb_tables() is refused: only delta and state", line: 1},
		{sql: "SELECT * FROM (WITH pg_class AS (SELECT 1 AS x) FROM pg_class), (SELECT relname FROM pg_class)", fails: "is refused: only delta and state", line: 1},
		{sql: "SELECT n FROM delta WHERE current_localtimestamp() > TIMESTAMP '2024-01-01'", fails: "reads the clock", line: 1},
		{sql: "SELECT getvariable('x') AS x FROM delta", fails: "getvariable() is refused", line: 1},
		{sql: "SELECT len(range(2000000000)) AS x FROM delta", fails: "range() takes", line: 1},
		{sql: "SELECT n FROM delta, range(2000000000)", fails: "range() takes", line: 1},
		{sql: "SELECT repeat('x', 2000000000) AS x FROM delta", fails: "repeat() takes", line: 1},
		{sql: "SELECT first(n ORDER BY \"order\") AS n, string_agg(\"order\", ',' ORDER BY n) AS s FROM delta", want: "n bigint 1, s string 1"},
		{sql: "SELECT row_number() OVER (ORDER BY n, \"order\") AS i, sum(n) OVER () AS s FROM delta", want: "i bigint 1, s decimal(38,0) 1"},
		{sql: "SELECT arg_max(\"order\", n) AS o, count(*) FILTER (WHERE n > 1) AS c FROM delta WHERE regexp_extract(\"order\", '^[0-9]+$')::INT > 1", want: "o string 1, c bigint 1"},
		{sql: "SELECT DISTINCT n FROM delta ORDER BY n LIMIT 3", want: "n bigint 1"},
		{sql: "WITH RECURSIVE r AS (SELECT 1 AS i) SELECT i FROM r", want: "i int 1"},
		{sql: "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT i FROM r", fails: "a recursive WITH is refused", line: 1},
		{sql: "SELECT n FROM delta,\n (WITH RECURSIVE r AS (SELECT 1 AS i UNION SELECT 1 - i\n FROM r) SELECT i FROM r)", fails: "a recursive WITH is refused", line: 2},
		{sql: "WITH RECURSIVE r(i) USING KEY (i) AS (SELECT 1 UNION SELECT i + 1 FROM r) SELECT i FROM r", fails: "a recursive WITH is refused", line: 1},
		{sql: "SELECT a.n FROM delta a ASOF JOIN delta b ON a.n >= b.n WHERE EXISTS (SELECT 1 FROM state WHERE amount > a.n) UNION ALL SELECT n FROM delta", want: "n bigint 1"},
		{sql: "SELECT list_sum(list_transform(list(n ORDER BY n), lambda x: x + 1))::BIGINT AS s, max(n) AS m FROM delta", want: "s bigint 1, m bigint 1"},
		{sql: "SELECT n, sum(n * 0.015)::DECIMAL(38,2) AS s FROM delta GROUP BY n::DECIMAL(38,2), n", want: "n bigint 1, s decimal(38,2) 1"},
		{sql: "SELECT sum(amount) FILTER (WHERE amount::DECIMAL(38,1) > 1) AS s, max(CAST(amount AS DECIMAL(38,1))) AS m FROM state", want: "s decimal(38,2) 1, m decimal(38,1) 1"},
		{sql: "SELECT a FROM (SELECT amount::DECIMAL(38,1) AS a FROM state UNION ALL SELECT n FROM delta) ORDER BY a::DECIMAL(38,0)", want: "a decimal(38,1) 1"},
		{sql: "SELECT sum(amount) AS s FROM state UNION ALL\nSELECT 0.005", fails: "would be rounded to DECIMAL(38,2)", line: 2},
		{sql: "SELECT [n] AS l FROM delta", fails: "column l: a list of plain values", line: 1},
		{sql: "SELECT $1 AS x", fails: "parameters", line: 1},
	} {
		fields, lines, err := s.Select(t.Context(), tables, c.sql)
		if c.want != "" {
			var got []string
			for i, f := range fields {
				got = append(got, fmt.Sprintf("%s %s %d", f.Name, f.Type, lines[i]))
			}
			if text := strings.Join(got, ", "); err != nil || text != c.want {
				t.Errorf("%s\ngot %s, %v\nwant %s", c.sql, text, err, c.want)
			}
			continue
		}
		var refused *duck.SelectError
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, c.fails) || refused.Line() != c.line {
			t.Errorf("%s\ngot %+v\nwant line %d, %q", c.sql, err, c.line, c.fails)
		}
	}
}

// FuzzSelect checks that accepted SQL reads nothing but its table: it is run in a database without anything else.
func FuzzSelect(f *testing.F) {
	for _, sql := range []string{"SELECT a FROM t", "SELECT 1; SELECT 2", "WITH x AS (FROM t) FROM x", "SELECT $$;$$ FROM 'x'", "FROM t PIVOT (sum(a) FOR a IN (1))"} {
		f.Add(sql)
	}
	f.Add("SELECT a,\r b FROM t")
	tables := map[string][]column.Field{"t": {{Name: "a", Type: column.Type{Kind: column.Int}}}}
	breaks := regexp.MustCompile(`\r\n|\r|\n`)
	f.Fuzz(func(t *testing.T, sql string) {
		s, err := duck.Open(duck.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		fields, lines, err := s.Select(t.Context(), tables, sql)
		if err == nil && (len(fields) == 0 || len(fields) != len(lines)) {
			t.Fatalf("%d columns, %d lines of %q", len(fields), len(lines), sql)
		}
		var refused *duck.SelectError
		if errors.As(err, &refused) && (refused.Message == "" || refused.Line() < 0 || refused.Line() > 1+len(breaks.FindAllString(sql, -1))) {
			t.Fatalf("%+v of %q", refused, sql)
		}
	})
}
