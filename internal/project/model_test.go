// Tests of model declarations: the header of warehouse/*.sql.

package project

import (
	"reflect"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/project/projecttest"
)

const goodModel = `-- model: revenue
-- materialize: incremental
-- key: [country, month]
-- depends: [events_sales]
-- parameters: {from: {type: date, default: 2010-01-01}, text: {type: string, default: " x "}}
-- tests:
--   - not_null: country
--   - {unique: [country, month], severity: warn, name: one row a month}
--   - accepted: {country: [UK, "it's", 7, true, 2010-01-01]}
--   - balanced: {sum: revenue, by: country, equals: "SELECT country, sum(amount) FROM events_sales GROUP BY country"}

-- the rest is SQL
SELECT 1;
`

func TestGoodModel(t *testing.T) {
	t.Parallel()
	m, errs := parseModel("warehouse/revenue.sql", []byte(goodModel))
	projecttest.WantErrors(t, errs)
	m.lines = nil
	want := &Model{
		Name: "revenue", File: "warehouse/revenue.sql", Line: 1, Materialize: AsIncremental, Key: []string{"country", "month"}, Depends: []string{"events_sales"},
		Parameters: []Parameter{
			{Name: "from", Type: column.Type{Kind: column.Date}, Default: "2010-01-01", Given: true, Line: 5},
			{Name: "text", Type: column.Type{Kind: column.String}, Default: " x ", Given: true, Line: 5},
		},
		Tests: []ModelTest{
			{Kind: NotNull, Name: "not_null country", Columns: []string{"country"}, Line: 7},
			{Kind: Unique, Name: "one row a month", Warn: true, Columns: []string{"country", "month"}, Line: 8},
			{Kind: Accepted, Name: "accepted country", Columns: []string{"country"}, Values: []string{"'UK'", "'it''s'", "7", "TRUE", "'2010-01-01'"}, Line: 9},
			{
				Kind: Balanced, Name: "balanced revenue, country", Columns: []string{"revenue", "country"}, Sum: "revenue", By: []string{"country"},
				Equals: "SELECT country, sum(amount) FROM events_sales GROUP BY country", Line: 10,
			},
		},
		SQL: strings.Repeat("\n", 10) + "\n-- the rest is SQL\nSELECT 1;\n",
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
}

func TestModelForms(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"-- model: a\nSELECT 1", "--model: a\nSELECT 1", "\n\n  --  model: a\n\nSELECT 1", "\ufeff-- model: a\r\n-- materialize: view\r\nSELECT 1\r\n",
		"-- model: a\n-- # a comment of YAML\n--\n-- depends: []\nSELECT 1", "-- model: a\n-- tests: []\nSELECT 1",
	} {
		m, errs := parseModel("warehouse/a.sql", []byte(text))
		projecttest.WantErrors(t, errs)
		if strings.TrimSpace(m.SQL) != "SELECT 1" || strings.Count(m.SQL, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q: SQL %q", text, m.SQL)
		}
	}
}

func TestBadModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"SELECT 1", []string{"1: a model begins with a header of SQL comments: write `-- model: a` in the first line"}},
		{"", []string{"1: a model begins with a header"}},
		{"-- Revenue by month\nSELECT 1", []string{"1: a model begins with a header"}},
		{"-- model: a\n", []string{"2: there is no SELECT below the header"}},
		{"-- model: b\nSELECT 1", []string{"1: `model` is `b` but the file is named a.sql: they must agree"}},
		{"-- materialize: view\nSELECT 1", []string{"1: the file has no `model`"}},
		{"-- model: a\n-- materialise: view\nSELECT 1", []string{"2: unknown key `materialise`; did you mean `materialize`?"}},
		{"-- model: a\n-- materialize: snapshot\nSELECT 1", []string{"2: `materialize` is `snapshot`: use table, view or incremental"}},
		{"-- model: a\n-- materialize: incremental\nSELECT 1", []string{"2: an incremental model needs `key`"}},
		{"-- model: a\n-- key: x\nSELECT 1", []string{"2: `key` is for incremental models: a table is made as a whole"}},
		{"-- model: a\n-- depends: x, y\nSELECT 1", []string{"2: `depends` is one text with a comma in it"}},
		{"-- model: a\n-- tests: [\nSELECT 1", []string{"2: not valid YAML"}},
		{"-- model: a\n-- parameters: {p: {default: 1}, Q: {type: int}, r: {type: real}, s: {type: json}}\nSELECT 1", []string{
			"2: `Q` is not a valid name", "2: `parameters.p` has no `type`", "2: unknown type \"real\"", "2: `type` is json",
		}},
		{"-- model: a\n-- tests: {not_null: x}\nSELECT 1", []string{"2: `tests` must be a list"}},
		{"-- model: a\n-- tests:\n--   - not_null: x\n--   - not_null: x\n--   - {}\n--   - {unique: x, not_null: y}\n--   - not_nul: z\nSELECT 1", []string{
			"4: there are two tests `not_null x`", "5: a test has one of not_null, unique, accepted, balanced", "6: a test has one of", "7: unknown key `not_nul`",
		}},
		{"-- model: a\n-- tests: [{not_null: x, severity: fatal}]\nSELECT 1", []string{"2: `severity` is `fatal`: use error or warn"}},
		{"-- model: a\n-- tests:\n-- - accepted: {x: [1], y: [2]}\n-- - accepted: {x: 1}\n-- - accepted: {x: [null, 0x1f, '\\', [1]]}\nSELECT 1", []string{
			"3: `accepted` must name one column", "4: `x` must be a list", "5: `null` is not a value", "5: `0x1f` is not", "5: `\\\\` is not", "5: `` is not",
		}},
		{"-- model: a\n-- tests: [{balanced: {sum: x}}]\nSELECT 1", []string{"2: `balanced` must have either `equals` or `total`"}},
		{"-- model: a\n-- tests: [{balanced: {sum: x, equals: SELECT 1, total: a.b}}]\nSELECT 1", []string{"2: `balanced` must have either"}},
		{"-- model: a\n-- tests: [{balanced: {equals: SELECT 1}}]\nSELECT 1", []string{"2: `tests.0.balanced` has no `sum`"}},
		{"-- model: a\nSELECT '\x00'", []string{"1: the file is not text in UTF-8"}},
		{"-- model: a\nSELECT '\xff'", []string{"1: the file is not text in UTF-8"}},
		{"-- model: a\nSELECT 1" + strings.Repeat(" ", 1<<20), []string{"1: the file is larger than 1048576 bytes"}},
	} {
		_, errs := parseModel("warehouse/a.sql", []byte(c.text))
		for i := range c.want {
			c.want[i] = "warehouse/a.sql:" + c.want[i]
		}
		projecttest.WantErrors(t, errs, c.want...)
	}
	for _, file := range []string{"warehouse/A.sql", "warehouse/a-b.sql", "warehouse/" + strings.Repeat("a", 51) + ".sql"} {
		_, errs := parseModel(file, []byte("-- model: a\nSELECT 1"))
		if len(errs) == 0 || !strings.HasPrefix(errs[0].Message, "the file's name must be a name and .sql") {
			t.Errorf("%s: %v", file, errs)
		}
	}
}

// TestModelNames refuses models with the name of another table.
func TestModelNames(t *testing.T) {
	t.Parallel()
	files := map[string]string{"streams/payments.yaml": projecttest.Stream, "pipelines/orders.yaml": projecttest.Pipeline}
	for _, name := range []string{"events_payments", "orders", "orders_history", "bursar_models", "fine"} {
		files["warehouse/"+name+".sql"] = "-- materialize: view\n-- model: " + name + "\nSELECT 1"
	}
	p, errs := Read(projecttest.Folder(t, files))
	projecttest.WantErrors(t, errs,
		"warehouse/bursar_models.sql:2: a model cannot be named `bursar_models`: the warehouse has this table for what Bursar records",
		"warehouse/events_payments.sql:2: a model cannot be named `events_payments`: the warehouse has this table for the events of stream payments",
		"warehouse/orders.sql:2: a model cannot be named `orders`: the warehouse has this table for the artifacts of pipeline orders",
		"warehouse/orders_history.sql:2: a model cannot be named `orders_history`: the warehouse has this table for the history of pipeline orders")
	if m := p.Model("fine"); m == nil || m.Materialize != AsView || p.Model("none") != nil {
		t.Errorf("%+v", m)
	}
}

// TestModelTotals refuses control totals that no stream declares, and groups that do not fit.
func TestModelTotals(t *testing.T) {
	t.Parallel()
	p, errs := Read(projecttest.Folder(t, map[string]string{"streams/payments.yaml": projecttest.Stream, "warehouse/a.sql": `-- model: a
-- tests:
--   - balanced: {sum: x, by: y, total: payments.amount}
--   - balanced: {sum: x, total: payments.all}
--   - balanced: {sum: x, total: payments.amuont}
--   - {balanced: {sum: x, by: z, total: payments.all}, name: b}
--   - {balanced: {sum: x, total: payments.amount}, name: c}
--   - {balanced: {sum: x, total: payments}, name: d}
SELECT 1`}))
	projecttest.WantErrors(t, errs, "warehouse/a.sql:5: there are two tests `balanced x`",
		"warehouse/a.sql:5: there is no control total `payments.amuont`: write the names of a stream and of one of its totals, such as payments.amount; did you mean `payments.amount`?",
		"warehouse/a.sql:6: the control total `payments.all` has no groups: leave out `by`",
		"warehouse/a.sql:7: the control total `payments.amount` has groups: name the column of the model with its `currency` in `by`", "warehouse/a.sql:8: there is no control total `payments`")
	if s, total := p.ControlTotal(&p.Models[0].Tests[0]); s == nil || total == nil || s.Name != "payments" || total.By != "currency" {
		t.Errorf("%+v %+v", s, total)
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte(goodModel))
	for _, seed := range []string{"", "--", "-- model: a\n--- b\n", "-- {", "--\tx", "\n--\n\n--", "-- model: a\r\n\r\nSELECT 1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, errs := parseModel("warehouse/revenue.sql", data)
		lines := strings.Count(string(data), "\n")
		for _, e := range errs {
			if e.Line < 1 || e.Line > lines+2 {
				t.Errorf("error in line %d of %d: %s", e.Line, lines, e.Message)
			}
		}
		if m.SQL != "" && len(errs) == 0 && strings.Count(m.SQL, "\n") != lines && !strings.HasSuffix(string(data), "\n") {
			t.Errorf("SQL has %d lines of %d", strings.Count(m.SQL, "\n"), lines)
		}
	})
}
