// Tests of runs: tables, views, their order, and all or nothing.

package model_test

import (
	"errors"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/warehouse/model"
)

const revenue = `-- parameters: {from: {type: date, default: 2000-01-01}}
-- tests:
--   - not_null: [country, month]
--   - unique: [country, month]
--   - accepted: {country: [UK, FR]}
--   - balanced: {sum: revenue, equals: "SELECT sum(amount) FROM sales WHERE sold >= :from"}
--   - balanced: {sum: revenue, by: country, equals: "SELECT country, sum(amount) FROM sales WHERE sold >= :from GROUP BY country"}

SELECT country, CAST(date_trunc('month', sold) AS DATE) AS month, sum(amount) AS revenue
FROM sales WHERE sold >= :from
GROUP BY country, CAST(date_trunc('month', sold) AS DATE);
`

func TestRun(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.exec(sales...)
		s.declare(map[string]string{
			"revenue": revenue,
			"best":    "-- materialize: view\nSELECT country, max(total) AS total FROM totals GROUP BY country",
			"totals":  "WITH revenue AS (SELECT * FROM revenue)\nSELECT country, sum(revenue) AS total FROM revenue GROUP BY country -- no line feed",
		})
		out := s.run()
		var made []string
		for _, m := range out.Models {
			made = append(made, m.Model)
		}
		if got := strings.Join(made, " "); got != "revenue totals best" || len(out.Tests) != 5 || out.Run != 1 || *out.Models[0].Rows != 3 || out.Models[2].Rows != nil {
			t.Errorf("made %s: %+v", got, out)
		}
		s.want("SELECT country, month, revenue FROM revenue ORDER BY 1, 2", "FR|2011-01-01|5.55", "UK|2010-12-01|11.00", "UK|2011-01-01|-1.00")
		s.want("SELECT country, total FROM best ORDER BY 1", "FR|5.55", "UK|10.00")
		s.want("SELECT model, materialize, run, row_count, started FROM bursar_models ORDER BY model",
			"best|view|1||2026-01-01T01:00:00Z", "revenue|table|1|3|2026-01-01T01:00:00Z", "totals|table|1|2|2026-01-01T01:00:00Z")

		if _, err := s.try(model.Options{Names: []string{"+best"}, Parameters: map[string]string{"from": "2011-01-01"}}); err != nil {
			t.Fatal(err)
		}
		s.want("SELECT country, total FROM best ORDER BY 1", "FR|5.55", "UK|-1.00")
		if out = s.run("revenue"); len(out.Models) != 1 || out.Run != 3 {
			t.Errorf("%+v", out)
		}
		s.want("SELECT country, total FROM best ORDER BY 1", "FR|5.55", "UK|-1.00")
		if out = s.run("totals+"); len(out.Models) != 2 {
			t.Errorf("%+v", out)
		}
		s.want("SELECT country, total FROM best ORDER BY 1", "FR|5.55", "UK|10.00")
	})
}

// TestChangedModels runs models whose columns and kinds change, while views read them.
func TestChangedModels(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.exec(sales...)
		for _, c := range []struct{ a, want string }{
			{"SELECT country, amount FROM sales", "FR|5.55"},
			{"-- materialize: view\nSELECT country, amount FROM sales", "FR|5.55"},
			{"-- materialize: view\nSELECT country, CAST(amount AS DECIMAL(20,3)) AS amount FROM sales", "FR|5.550"},
			{"-- materialize: incremental\n-- key: [country, sold]\nSELECT country, sold, amount FROM sales", "FR|5.55"},
			{"SELECT country, CAST(amount AS DECIMAL(20,3)) AS amount FROM sales", "FR|5.550"},
			{"SELECT amount, country FROM sales", "FR|5.55"},
			{"SELECT sold, amount, country FROM sales", "FR|5.55"},
		} {
			s.declare(map[string]string{
				"a": c.a,
				"b": "-- materialize: view\nSELECT amount, country FROM a WHERE country = 'FR'",
				"c": "-- materialize: view\nSELECT country, amount FROM b",
				"d": "SELECT * FROM c",
			})
			s.run()
			s.want("SELECT country, amount FROM c", c.want)
			s.want("SELECT country, amount FROM d", c.want)
		}
	})
}

// TestAllOrNothing runs models of which one fails, in each way: nothing of the others is visible.
func TestAllOrNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.exec(sales...)
		good := map[string]string{"a": "SELECT 1 AS x", "b": "-- materialize: view\nSELECT x FROM a"}
		s.declare(good)
		s.run()
		for _, c := range []struct{ c, want string }{
			{"SELECT\n  x / 'a'::date FROM b", "warehouse/c.sql:3: "},
			{"SELECT x,\n\n  missing FROM b", "warehouse/c.sql:4: "},
			{"SELECT x FROM b,\nnothing", "warehouse/c.sql:3: table nothing does not exist in the warehouse"},
			{"SELECT x FROM b,\nbb", "warehouse/c.sql:3: table bb does not exist in the warehouse; did you mean `b`?"},
			{"-- tests: [not_null: x]\nSELECT CAST(NULL AS INTEGER) AS x FROM b", "warehouse/c.sql:2: test not_null x of model c fails: 1 row; nothing was changed in the warehouse"},
			{"-- tests:\n-- - unique: [y]\nSELECT x FROM b", "warehouse/c.sql:3: test unique y: "},
		} {
			s.declare(map[string]string{"a": "SELECT 2 AS x, 3 AS y", "b": "SELECT x + 1 AS x FROM a", "c": c.c})
			s.wantError(c.want)
			s.want("SELECT x FROM a", "1")
			s.want("SELECT x FROM b", "1")
			s.want("SELECT max(run) FROM bursar_models", "1")
		}
	})
}

// TestValueError converts a text that is no number: the error names the file and the value, or how to see it.
func TestValueError(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.exec(sales...)
		s.declare(map[string]string{"a": "SELECT CAST(country AS INTEGER) AS n FROM sales"})
		_, err := s.try(model.Options{})
		if failure.Of(err) != failure.Data || !strings.HasPrefix(err.Error(), "warehouse/a.sql: ") || !strings.Contains(err.Error(), "`bursar query` shows the value") && !strings.Contains(err.Error(), `"UK"`) {
			t.Errorf("got error %v", err)
		}
	})
}

// TestWritingInPostgreSQL refuses a SELECT that writes, and that DuckDB's parser does not read.
func TestWritingInPostgreSQL(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		if s.kind != "postgres" {
			return
		}
		s.exec(sales...)
		s.declare(map[string]string{"a": "-- depends: [sales]\nWITH d AS (DELETE FROM sales RETURNING *)\nSELECT * FROM d"})
		s.wantError("warehouse/a.sql:3: WITH clause containing a data-modifying statement must be at the top level")
		s.declare(map[string]string{"a": "-- depends: [sales]\nSELECT country, amount::text ~ '^1' AS one FROM sales FOR KEY SHARE OF sales SKIP LOCKED"})
		s.run()
		s.want("SELECT count(*) FROM a WHERE one", "1")
		for sql, want := range map[string]string{
			"SELECT *\nFROM pg_read_file('/etc/passwd')":                                                "warehouse/a.sql:3: pg_read_file is refused",
			"SELECT 1 AS x,\n  query_to_xml('SELECT 1', true, true, '') AS y":                           "warehouse/a.sql:3: query_to_xml is refused",
			"SELECT set_config('a.b', 'c', false) AS x":                                                 "warehouse/a.sql:2: function set_config() is refused",
			"-- tests: [balanced: {sum: x, equals: \"SELECT current_setting('port')\"}]\nSELECT 1 AS x": "warehouse/a.sql:2: test balanced x: current_setting is refused",
		} {
			s.declare(map[string]string{"a": sql})
			s.wantError(want)
		}
	})
}

// TestForeignTables refuses to replace what a model has not made.
func TestForeignTables(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.exec(sales...)
		s.declare(map[string]string{"sales": "SELECT 1 AS x"})
		s.wantError("warehouse/sales.sql:1: the warehouse has a table sales that this model has not made")
		s.declare(map[string]string{"a": "SELECT 1 AS x", "b": "SELECT x FROM\na"})
		if _, err := s.try(model.Options{Names: []string{"b"}}); err == nil || err.Error() != "warehouse/b.sql:3: model a was not run yet: run `bursar model run +b`" {
			t.Error(err)
		}
		if _, err := s.runner.Test(t.Context(), model.Options{}); failure.Of(err) != failure.Data {
			t.Error(err)
		}
		s.run()
		s.runner.ProjectID = "another"
		s.wantError("the models in this schema are of another project")
		if _, err := s.try(model.Options{Names: []string{"c"}}); failure.ExitCode(err) != 3 || !strings.HasPrefix(err.Error(), "model c not found") {
			t.Error(err)
		}
	})
}

// TestParameters gives values of all types, also those that would end a text.
func TestParameters(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.declare(map[string]string{"a": `-- parameters:
--   s: {type: string, default: " it's \\ '; DROP TABLE a; --"}
--   b: {type: bool, default: true}
--   i: {type: int, default: -7}
--   l: {type: bigint, default: 9223372036854775807}
--   n: {type: "decimal(18,2)", default: 0.10}
--   d: {type: date, default: 2024-02-29}
--   t: {type: timestamp, default: 2024-02-29T12:00:00+02:00}
--   r: {type: string}
SELECT :s AS s, :b AS b, :i AS i, :l AS l, :n AS n, :d AS d, :t AS t, :this_run AS started, :r AS r, ':s' AS text`})
		if _, err := s.try(model.Options{}); err == nil || err.Error() != "warehouse/a.sql:10: parameter r has no value: give it with --param r=VALUE, or a `default`" {
			t.Error(err)
		}
		if _, err := s.try(model.Options{Parameters: map[string]string{"r": "x\ny"}}); err != nil {
			t.Fatal(err)
		}
		s.want("SELECT s, b, i, l, n, d, t, started, r, text FROM a",
			` it's \ '; DROP TABLE a; --|true|-7|9223372036854775807|0.10|2024-02-29|2024-02-29T10:00:00Z|2026-01-01T02:00:00Z|`+"x\ny|:s")
		for _, c := range []struct{ name, value string }{{"i", "1.0"}, {"i", "2147483648"}, {"n", "0.101"}, {"n", "1e1"}, {"n", "1') OR (1=1"}, {"d", "2023-02-29"}, {"t", "yesterday"}, {"b", "1"}, {"s", "\x00"}, {"q", "1"}} {
			_, err := s.try(model.Options{Parameters: map[string]string{"r": "", c.name: c.value}})
			var refused *model.ParameterError
			if !errors.As(err, &refused) || failure.ExitCode(err) != 2 {
				t.Errorf("%s = %q: %v", c.name, c.value, err)
			}
		}
	})
}
