// Tests of what is refused before a run: SQL with errors, several statements, cycles.

package model_test

import (
	"testing"

	"bursar/internal/duck"
	"bursar/internal/project"
	"bursar/internal/project/projecttest"
	"bursar/internal/warehouse/model"
)

func TestParse(t *testing.T) {
	t.Parallel()
	session, err := duck.Open(duck.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, c := range []struct {
		name, kind string
		models     map[string]string
		want       []string
	}{
		{"good", "duckdb", map[string]string{"a": "SELECT 1;\n-- end\n", "b": "SELECT * FROM a, main.a, other.b, range(3)"}, nil},
		{"itself", "duckdb", map[string]string{"a": "SELECT *\nFROM A"}, []string{"warehouse/a.sql:3: model a refers to itself"}},
		{"itself by depends", "duckdb", map[string]string{"a": "-- depends: a\nSELECT 1"}, []string{"warehouse/a.sql:2: model a refers to itself"}},
		{
			"cycle", "duckdb",
			map[string]string{"a": "SELECT * FROM\nc", "b": "SELECT * FROM a", "c": "SELECT 1\nUNION ALL\nSELECT * FROM b"},
			[]string{"warehouse/b.sql:2: models depend on each other: a → c → b → a: remove one of these references"},
		},
		{"syntax", "duckdb", map[string]string{"a": "SELECT 1\n,, 2"}, []string{"warehouse/a.sql:3: "}},
		{"nothing", "duckdb", map[string]string{"a": "-- depends: []\n\n-- a comment"}, []string{"warehouse/a.sql:1: there is no SELECT"}},
		{"several", "duckdb", map[string]string{"a": "SELECT 1;\n\nDROP TABLE b"}, []string{"warehouse/a.sql:4: a second statement starts here: a model is one SELECT"}},
		{"other statements", "duckdb", map[string]string{"a": "DROP TABLE b", "b": "COPY (SELECT 1) TO 'x'", "c": "PRAGMA version", "d": "SET threads = 1"}, []string{
			"warehouse/a.sql:2: a model is one SELECT", "warehouse/b.sql:2: a model is one SELECT", "warehouse/c.sql:2: a model is one SELECT", "warehouse/d.sql:2: a model is one SELECT",
		}},
		{"out of the brackets", "duckdb", map[string]string{"a": "SELECT 1) AS x; DROP TABLE b --"}, []string{"warehouse/a.sql:2: a second statement starts here"}},
		{"brackets", "duckdb", map[string]string{"a": "SELECT 1) AS x, (SELECT 2"}, []string{"warehouse/a.sql:2: "}},
		{"writing", "postgres", map[string]string{"a": "WITH d AS (DELETE FROM b RETURNING *) SELECT * FROM d"}, []string{"warehouse/a.sql:1: A CTE needs a SELECT"}},
		{"files", "duckdb", map[string]string{"a": "SELECT * FROM\nread_text('/etc/passwd')", "b": "SELECT * FROM query('SELECT 1')"}, []string{
			"warehouse/a.sql:3: table function read_text() is refused", "warehouse/b.sql:2: table function query() is refused",
		}},
		{"settings", "duckdb", map[string]string{
			"a": "SELECT\ncurrent_setting('memory_limit')", "b": "SELECT *\nFROM sales\nWHERE x = (SELECT getenv('HOME')) AND y = nextval('s')", "c": "SELECT * FROM pg_catalog.pg_settings",
			"d": "SELECT * FROM range(length(getvariable('x')))", "e": "-- tests: [balanced: {sum: x, equals: \"SELECT current_setting('threads')\"}]\nSELECT json_execute_serialized_sql('x')",
		}, []string{
			"warehouse/a.sql:3: function current_setting() is refused", "warehouse/b.sql:4: function getenv() is refused", "warehouse/b.sql:4: function nextval() is refused",
			"warehouse/c.sql:2: pg_catalog.pg_settings is refused", "warehouse/d.sql:2: function getvariable() is refused",
			"warehouse/e.sql:2: `equals`: function current_setting() is refused", "warehouse/e.sql:3: function json_execute_serialized_sql() is refused",
		}},
		{"functions", "duckdb", map[string]string{"a": `SELECT format('{} {}', a, sum(b) OVER (ORDER BY c)), printf('%d', 1), now(), current_date, random(), strftime(d, '%Y'), a[1:2], list_transform(l, x -> x + 1),
			count(*) FILTER (WHERE a > 1), quantile_cont(b, 0.5), j ->> '$.x', CASE WHEN a THEN 1 END, repeat('x', a), COLUMNS('y.*'), EXTRACT(year FROM d), x::VARCHAR, {'a': 1}, ROW(1, 2)
			FROM t PIVOT (sum(b) FOR c IN (1, 2)), unnest([1, 2]), range(a) QUALIFY row_number() OVER (PARTITION BY c) = 1 ORDER BY ALL LIMIT 10`}, nil},
		{"another dialect", "postgres", map[string]string{"a": "SELECT 1\nFROM b FOR UPDATE OF b NOWAIT SKIP"}, []string{"warehouse/a.sql:3: "}},
		{"another dialect with depends", "postgres", map[string]string{"a": "-- depends: [b]\nSELECT 1\nFROM b FOR UPDATE OF b NOWAIT SKIP"}, nil},
		{"parameters", "duckdb", map[string]string{"a": "-- parameters: {from: {type: date, default: today}, this_run: {type: int}}\nSELECT\n:form"}, []string{
			"warehouse/a.sql:2: the default of parameter from: \"today\" is not a date", "warehouse/a.sql:2: a parameter cannot be named this_run", "warehouse/a.sql:4: parameter :form is not declared; did you mean `from`?",
		}},
		{"parameters of incremental models", "duckdb", map[string]string{
			"a": "SELECT :last_run", "b": "-- materialize: view\nSELECT :this_run", "c": "-- materialize: incremental\n-- key: x\nSELECT :after_d AS x", "d": "SELECT :after_e",
		}, []string{
			"warehouse/a.sql:2: :last_run is for incremental models", "warehouse/b.sql:3: a view has no :this_run",
			"warehouse/c.sql:4: :after_d: the model does not refer to table d", "warehouse/d.sql:2: :after_e is for incremental models",
		}},
		{"equals", "duckdb", map[string]string{
			"a": "-- tests:\n-- - balanced: {sum: x, equals: \"DROP TABLE a\"}\n-- - balanced: {sum: y, equals: SELECT FROM}\n-- - balanced: {sum: z, equals: \"SELECT * FROM glob('*')\"}\nSELECT 1",
			"b": "-- tests: [balanced: {sum: x, equals: \"SELECT :last_run\"}]\nSELECT 1",
		}, []string{
			"warehouse/a.sql:3: a model is one SELECT", "warehouse/a.sql:4: `equals`: ", "warehouse/a.sql:5: `equals`: table function glob() is refused", "warehouse/b.sql:2: a test has no :last_run",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{}
			for name, text := range c.models {
				files["warehouse/"+name+".sql"] = "-- model: " + name + "\n" + text
			}
			p, faults := project.Read(projecttest.Folder(t, files))
			projecttest.WantErrors(t, faults)
			p.Config.Warehouse.Kind = c.kind
			_, faults = model.Parse(t.Context(), session, p)
			projecttest.WantErrors(t, faults, c.want...)
		})
	}
}
