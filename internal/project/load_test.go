// Tests of load files.

package project

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/project/projecttest"
)

const loadYAML = `load: user_events
from: events/2026/
match: "*.json.gz"
format: json
array: data.events
columns:
  id: {type: string}
  amount: {type: "decimal(18,2)", from: data.amount.value}
  user.address.zipCode: {type: string, optional: true}
  "@timestamp": {type: timestamp, format: epoch_ms}
rest: properties
table: facts
strategy: timeseries
timeseries: {by: hour, start: 2026-11-01T00, end: 2026-11-30T23, revisit: 24}
max_errors: 1.5%
`

func readLoad(t *testing.T, text string) *Load {
	t.Helper()
	p, errs := Read(projecttest.Folder(t, map[string]string{"warehouse/user_events.yaml": text}))
	projecttest.WantErrors(t, errs)
	return p.Load("user_events")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	l := readLoad(t, loadYAML)
	if l.From != "events/2026/" || l.Match != "*.json.gz" || l.Format != JSONObjects || l.Table != "facts" || l.Rest != "properties" || l.Strategy != TimeSeries {
		t.Errorf("the load is %+v", l)
	}
	if !slices.Equal(l.Array, []string{"data", "events"}) || l.Rows.Format != JSONL || l.MaxErrors != (MaxErrors{Share: 0.015}) {
		t.Errorf("the load is %+v", l)
	}
	r := l.Series
	if r.By != ByHour || r.By.Text(*r.Start) != "2026-11-01T00" || r.By.Text(*r.End) != "2026-11-30T23" || r.Revisit != 24 {
		t.Errorf("the series is %+v", r)
	}
	var got []string
	for _, f := range l.Fields() {
		got = append(got, f.Name+" "+f.Type.String())
	}
	if want := []string{"id string", "amount decimal(18,2)", "user_address_zip_code string", "timestamp timestamp", "properties json"}; !slices.Equal(got, want) {
		t.Errorf("the columns are %q, want %q", got, want)
	}
	if from := l.Rows.Columns[2].From; !slices.Equal(from, []string{"user", "address", "zipCode"}) || !slices.Equal(l.Rows.Columns[3].From, []string{"@timestamp"}) {
		t.Errorf("the paths are %q", from)
	}
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	l := readLoad(t, "load: user_events\nfrom: in\nformat: csv\ncolumns:\n  Amount (EUR): {type: int}\nstrategy: manifest\nmax_errors: 7\n")
	if l.Table != "user_events" || l.Rest != "" || l.Series != nil || l.MaxErrors != (MaxErrors{Rows: 7}) || !l.Rows.CSV.Header {
		t.Errorf("the load is %+v", l)
	}
	if c := l.Rows.Columns[0]; c.Name != "amount_eur" || !slices.Equal(c.From, []string{"Amount (EUR)"}) || c.Type.Kind != column.Int {
		t.Errorf("the column is %+v", c)
	}
}

func TestMaxErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allowed        MaxErrors
		rejected, rows int64
		want           bool
	}{
		{MaxErrors{}, 0, 10, false},
		{MaxErrors{}, 1, 10, true},
		{MaxErrors{Rows: 2}, 2, 10, false},
		{MaxErrors{Rows: 2}, 3, 10, true},
		{MaxErrors{Share: 0.1}, 1, 10, false},
		{MaxErrors{Share: 0.29}, 29, 100, false},
		{MaxErrors{Share: 0.29}, 30, 100, true},
		{MaxErrors{Share: 0.0228}, 57, 2500, false},
		{MaxErrors{Share: 0.1}, 2, 10, true},
	} {
		if got := c.allowed.Exceeded(c.rejected, c.rows); got != c.want {
			t.Errorf("%+v with %d of %d rows rejected: %v", c.allowed, c.rejected, c.rows, got)
		}
	}
}

func TestBrokenLoad(t *testing.T) {
	t.Parallel()
	const file = "warehouse/user_events.yaml:"
	for _, c := range []struct{ change, to, want string }{
		{"format: json\n", "format: xml\n", "4: `format` is `xml`: use json, jsonl, csv or parquet"},
		{"format: json\n", "", "1: the file has no `format`"},
		{"format: json\n", "format: jsonl\n", "5: `array` belongs to format json only; this is jsonl"},
		{"array: data.events\n", "array: data..events\n", "5: `array` is `data..events`: a path is property names joined by single dots"},
		{`match: "*.json.gz"`, `match: "[a"`, "3: `match` is `[a`, which is not a pattern"},
		{"strategy: timeseries", "strategy: append", "13: `strategy` is `append`: use bulk, manifest or timeseries"},
		{"strategy: timeseries", "strategy: bulk", "14: `timeseries` belongs to strategy timeseries only; this is bulk"},
		{"by: hour", "by: week", "14: `by` is `week`: use day, hour or number"},
		{"by: hour", "by: day", "14: `start`: \"2026-11-01T00\" is not a day: write it as in 2026-11-25"},
		{"end: 2026-11-30T23", "end: 2026-10-30T23", "14: `end` is before start"},
		{"revisit: 24", "revisit: -1", "14: `revisit` must be a whole number from 0 to 10000"},
		{"max_errors: 1.5%", "max_errors: 101%", "15: `max_errors` is `101%`: use a number of rows, or a share such as 1%"},
		{"max_errors: 1.5%", "max_errors: -1", "15: `max_errors` is `-1`: use a number of rows"},
		{"max_errors: 1.5%", "max_errors: NaN%", "15: `max_errors` is `NaN%`: use a number of rows"},
		{"max_errors: 1.5%", "schedule: hourly", "15: `schedule` is `hourly`: it is neither an interval"},
		{"max_errors: 1.5%", "schedule: 0 0 30 2 *", "15: `schedule` is `0 0 30 2 *`: it is never due"},
		{"table: facts", "table: bursar_facts", "12: the warehouse has table `bursar_facts` for what Bursar records"},
		{"table: facts", "table: events_facts", "12: `table` is `events_facts`: names that begin with events_ are those of published streams"},
		{"table: facts", "table: Facts", "12: `table` is `Facts`, which is not a valid name of a table"},
		{"rest: properties", "rest: id", "11: `rest` is `id`, which is declared in columns, too"},
		{"rest: properties", "rest: The rest", "11: `rest` is `The rest`, which is not a valid name of a column"},
		{"  id: {type: string}", "  user_address_zip_code: {type: string}", "9: `user_address_zip_code` and `user.address.zipCode` are both read into column user_address_zip_code"},
		{"  id: {type: string}", "  a.b: {type: string, from: c}", "7: `a.b` is not a valid name"},
		{"  id: {type: string}", "  \"+\": {type: string}", "7: `+` gives the column no name"},
		{"  id: {type: string}", "  a..b: {type: string}", "7: `a..b` is `a..b`: a path is property names joined by single dots"},
		{"  id: {type: string}", "  id: {type: int, is: \"1\"}", "7: `is` belongs to streams: compute columns in a model"},
		{"  id: {type: string}", "  id: {type: string, origin: true}", "7: `origin` belongs to streams"},
		{"  id: {type: string}", "  id: {type: text}", "7: unknown type \"text\""},
	} {
		text := strings.Replace(loadYAML, c.change, c.to, 1)
		if text == loadYAML {
			t.Fatalf("%q is not in the load", c.change)
		}
		_, errs := Read(projecttest.Folder(t, map[string]string{"warehouse/user_events.yaml": text}))
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), file+c.want) {
			t.Errorf("%s gives %v, want %s", c.to, errs, c.want)
		}
	}
}

// TestLoadsOfOneTable refuses a table with two sources.
func TestLoadsOfOneTable(t *testing.T) {
	t.Parallel()
	load := func(name, table string) string {
		return "load: " + name + "\nfrom: in/\nformat: jsonl\ncolumns:\n  a: {type: int}\nstrategy: bulk\n" + table
	}
	_, errs := Read(projecttest.Folder(t, map[string]string{
		"streams/payments.yaml": projecttest.Stream, "pipelines/orders.yaml": projecttest.Pipeline,
		"warehouse/a.yaml": load("a", "table: shared\n"), "warehouse/b.yaml": load("b", "table: shared\n"), "warehouse/orders.yaml": load("orders", ""),
		"warehouse/c.yaml": load("c", ""), "warehouse/c.sql": "-- model: c\nSELECT 1 AS a\n",
	}))
	projecttest.WantErrors(t, errs, "warehouse/b.yaml:7: the warehouse has table `shared` for load a",
		"warehouse/c.sql:1: a model cannot be named `c`: the warehouse has this table for load c",
		"warehouse/orders.yaml:1: the warehouse has table `orders` for the artifacts of pipeline orders")
}

// FuzzLoad reads any text as a load: what is accepted has a table with columns of different names.
func FuzzLoad(f *testing.F) {
	f.Add(loadYAML)
	f.Add("load: user_events\nfrom: s3://b/p\nformat: csv\ncsv: {header: false}\ncolumns: {a: {type: int}, b.c: {type: json}}\nstrategy: bulk\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, errs := parseLoad("warehouse/user_events.yaml", []byte(text), time.UTC)
		if l == nil || len(errs) > 0 {
			return
		}
		seen := map[string]bool{}
		for _, field := range l.Fields() {
			if seen[field.Name] || field.Name == "" || field.Name[0] == '_' || field.Type.Kind == 0 {
				t.Errorf("column %+v in %q", field, text)
			}
			seen[field.Name] = true
		}
		if l.Table == "" || l.From == "" || l.Strategy == "" || l.Format == "" || l.Strategy == TimeSeries && l.Series.By == "" {
			t.Errorf("load %+v of %q", l, text)
		}
	})
}
