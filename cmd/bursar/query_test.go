// Questions to the warehouse through the command line: formats, limits and errors, on DuckDB and on PostgreSQL.

package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
)

// onWarehouses runs a test on an empty project with each kind of warehouse.
func onWarehouses(t *testing.T, test func(t *testing.T, kind, dir string)) {
	t.Helper()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir, config := filepath.Join(t.TempDir(), "project"), ""
			if kind == "postgres" {
				config = fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t))
			}
			file(t, dir, "bursar.yaml", config)
			test(t, kind, dir)
		})
	}
}

// fillWarehouse writes to the warehouse of a project, as publishing does.
func fillWarehouse(t *testing.T, dir string, fn func(ctx context.Context, tx warehouse.Tx) error) {
	t.Helper()
	a, err := app.Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	db, err := a.Warehouse(t.Context())
	if err == nil {
		err = db.Write(t.Context(), fn)
	}
	if closed := a.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
}

// valuesColumns are of every type.
var valuesColumns = typedFields("id string, flag bool, count int, big bigint, amount decimal(18,2), wide decimal(38,10), day date, at timestamp, data json")

const valuesRows = `INSERT INTO "values" VALUES
	('a "b", <c> ž', true, -7, 9007199254740993, 1234.50, -12345678901234567890.0000000001, DATE '2024-02-29', TIMESTAMP WITH TIME ZONE '2024-02-29 12:30:00.000001+00', '{"a": [1.50, null]}'),
	('b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`

// withValues creates the table "values" and a view of it.
func withValues(t *testing.T, dir string) {
	t.Helper()
	fillWarehouse(t, dir, func(ctx context.Context, tx warehouse.Tx) error {
		if err := tx.Create(ctx, "values", valuesColumns); err != nil {
			return err
		}
		for _, sql := range []string{valuesRows, `CREATE VIEW flags AS SELECT id, flag FROM "values"`} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// allValues also has a column of another type, and two of the same name.
const allValues = `SELECT *, CAST(0.5 AS DOUBLE PRECISION) AS half, 1 AS id FROM "values" ORDER BY 1`

func TestQueryFormats(t *testing.T) {
	t.Parallel()
	onWarehouses(t, func(t *testing.T, kind, dir string) {
		withValues(t, dir)
		double := map[string]string{"duckdb": "DOUBLE", "postgres": "float8"}[kind]
		first := `["a \"b\", <c> ž",true,-7,9007199254740993,"1234.50","-12345678901234567890.0000000001","2024-02-29","2024-02-29T12:30:00.000001Z",{"a":[1.50,null]},"0.5",1]`
		list := `{"columns":[{"name":"id","type":"string"},{"name":"flag","type":"bool"},{"name":"count","type":"int"},{"name":"big","type":"bigint"},{"name":"amount","type":"decimal(18,2)"},` +
			`{"name":"wide","type":"decimal(38,10)"},{"name":"day","type":"date"},{"name":"at","type":"timestamp"},{"name":"data","type":"json"},{"name":"half","type":"` + double + `"},{"name":"id_2","type":"int"}],` +
			`"rows":[` + first + `,["b",null,null,null,null,null,null,null,null,"0.5",1]],"truncated":false}` + "\n"
		for args, want := range map[string]string{
			"--json":        list,
			"--format json": list,
			"--format jsonl": `{"id":"a \"b\", <c> ž","flag":true,"count":-7,"big":9007199254740993,"amount":"1234.50","wide":"-12345678901234567890.0000000001","day":"2024-02-29","at":"2024-02-29T12:30:00.000001Z","data":{"a":[1.50,null]},"half":"0.5","id_2":1}` + "\n" +
				`{"id":"b","flag":null,"count":null,"big":null,"amount":null,"wide":null,"day":null,"at":null,"data":null,"half":"0.5","id_2":1}` + "\n",
			"--format csv": "id,flag,count,big,amount,wide,day,at,data,half,id_2\n" +
				`"a ""b"", <c> ž",true,-7,9007199254740993,1234.50,-12345678901234567890.0000000001,2024-02-29,2024-02-29T12:30:00.000001Z,"{""a"": [1.50, null]}",0.5,1` + "\nb,,,,,,,,,0.5,1\n",
			"--format vertical --limit 1": "── 1 ──────\nid      a \"b\", <c> ž\nflag    true\ncount   -7\nbig     9007199254740993\namount  1234.50\nwide    -12345678901234567890.0000000001\nday     2024-02-29\n" +
				"at      2024-02-29T12:30:00.000001Z\ndata    {\"a\": [1.50, null]}\nhalf    0.5\nid_2    1\n1 row, and there are more: --limit shows more, --to FILE writes all.\n",
		} {
			if got := must(t, 0, append([]string{"query", allValues, "--project", dir}, strings.Fields(args)...)...); got.out != want || got.err != "" {
				t.Errorf("%s:\n%s%s\nwant\n%s", args, got.out, got.err, want)
			}
		}
		table := must(t, 0, "query", allValues, "--project", dir).out
		for _, part := range []string{"│  amount │", "│ 1234.50 │", "│ –  ", "│ id_2 │", "2 rows.\n"} {
			if !strings.Contains(table, part) {
				t.Errorf("the table lacks %q:\n%s", part, table)
			}
		}
		if narrow := onTerminal(t, 60, "query", allValues, "--project", dir); !strings.Contains(narrow, "hidden: ") || !strings.Contains(narrow, "; use --format vertical.") {
			t.Errorf("on a narrow terminal:\n%s", narrow)
		}
	})
}

func TestQueryFiles(t *testing.T) {
	t.Parallel()
	onWarehouses(t, func(t *testing.T, _, dir string) {
		withValues(t, dir)
		to := t.TempDir()
		for _, format := range []string{csvFormat, jsonFormat, listFormat} {
			path := filepath.Join(to, "answer."+format)
			if v := value(t, must(t, 0, "query", allValues, "--to", path, "--project", dir, "--json")); v["rows"] != 2.0 || v["digest"] == "" || v["file"] != path {
				t.Errorf("%s: %v", format, v)
			}
			text, err := os.ReadFile(path)
			if printed := must(t, 0, "query", allValues, "--format", format, "--to", "-", "--project", dir); err != nil || printed.out != string(text) {
				t.Errorf("%s: the file has\n%s\nprinted is\n%s", format, text, printed.out)
			}
		}
		path := filepath.Join(to, "answer.parquet")
		must(t, 0, "query", `SELECT * FROM "values" ORDER BY id`, "--to", path, "--project", dir)
		columns := "columns:\n"
		for _, f := range valuesColumns {
			columns += fmt.Sprintf("  %s: {type: %q, optional: %t}\n", f.Name, f.Type, f.Name != "id" && f.Name != "big")
		}
		back := t.TempDir()
		file(t, back, "bursar.yaml", "")
		file(t, back, "streams/back.yaml", "stream: back\nformat: parquet\nid: id\ntime: at\n"+strings.ReplaceAll(columns, `"timestamp", optional: true`, `"timestamp"`)+"totals: {amount: {sum: amount}, wide: {sum: wide}}\n")
		read := value(t, must(t, 0, "ingest", "back", path, "--project", back, "--json"))
		if totals := fmt.Sprint(read["totals"]); read["accepted"] != 1.0 || read["quarantined"] != 1.0 || totals != "map[amount:1234.50 wide:-12345678901234567890.0000000001]" {
			t.Errorf("the Parquet file as events: %v", read)
		}
	})
}

func TestQueryLimits(t *testing.T) {
	t.Parallel()
	onWarehouses(t, func(t *testing.T, _, dir string) {
		const numbers = "SELECT i FROM generate_series(1, 20000) AS t(i) ORDER BY i"
		for args, want := range map[string]struct {
			rows int // lines of output that begin with a digit or a bar and a digit
			rest string
		}{
			"":                            {1000, "1,000 rows, and there are more: --limit shows more, --to FILE writes all.\n"},
			"--limit 3":                   {3, "3 rows, and there are more: --limit shows more, --to FILE writes all.\n"},
			"--limit 0":                   {20000, "20,000 rows.\n"},
			"--limit 20000":               {20000, "20,000 rows.\n"},
			"--limit 19999 --format csv":  {19999, ""},
			"--format csv":                {20000, ""},
			"--format jsonl --limit 8193": {8193, ""},
		} {
			got := must(t, 0, append([]string{"query", numbers, "--project", dir}, strings.Fields(args)...)...)
			rows := 0
			for line := range strings.Lines(got.out) {
				if text := strings.Trim(line, "│ \n"); strings.HasPrefix(text, `{"i":`) || text != "" && strings.Trim(text, "0123456789") == "" {
					rows++
				}
			}
			if rows != want.rows || !strings.HasSuffix(got.out, want.rest) {
				t.Errorf("%s: %d rows, %s", args, rows, got.out[max(0, len(got.out)-100):])
			}
		}
		if v := value(t, must(t, 0, "query", numbers, "--limit", "2", "--project", dir, "--json")); v["truncated"] != true || fmt.Sprint(v["rows"]) != "[[1] [2]]" {
			t.Errorf("--json --limit 2: %v", v)
		}
		if v := value(t, must(t, 0, "query", numbers, "--project", dir, "--json")); v["truncated"] != false || length(t, v, "rows") != 20000 {
			t.Errorf("--json: %v", v["truncated"])
		}
		long := "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 100000) c"
		if got := bursar(t, "query", long, "--timeout", "300ms", "--project", dir); got.code != 1 || got.out != "" ||
			!strings.HasPrefix(got.err, "error: run query: it takes longer than 300ms [data]\nhint: --timeout gives it more") {
			t.Errorf("a statement that takes too long: %+v", got)
		}
	})
}

func TestQueryErrors(t *testing.T) {
	t.Parallel()
	onWarehouses(t, func(t *testing.T, _, dir string) {
		if got := bursar(t, "query", "SELECT * FROM orders", "--project", dir); got.code != 1 || !strings.Contains(got.err, "hint: nothing is published yet") {
			t.Errorf("without tables: %+v", got)
		}
		withValues(t, dir)
		for sql, want := range map[string]string{
			"SELECT 1,\n  nosuch":             "run query: line 2, column 3: ",
			"SELECT * FROM nosuch":            "hint: there are flags, values; `bursar query --tables` lists their columns",
			"SELECT CAST('12x' AS INTEGER)":   "12x",
			"SELECT 1; SELECT 2":              "one statement is executed at a time",
			`DROP TABLE "values"`:             "only a statement that reads is executed",
			"INSERT INTO \"values\" SELECT 1": "only a statement that reads is executed",
			"SELECT $1":                       "a parameter has no value",
			strings.Repeat(" ", 70_000):       "the statement has 70000 bytes; 65536 are the most",
			"":                                "there is no statement: give one, such as SELECT",
		} {
			got := bursar(t, "query", sql, "--project", dir)
			if got.code != 1 || got.out != "" || !strings.Contains(got.err, want) || !strings.Contains(got.err, "[data]") {
				t.Errorf("%.60s: %+v, want %s", sql, got, want)
			}
		}
		for _, sql := range []string{"SELECT pg_read_file('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT getenv('HOME')", "COPY \"values\" TO '/tmp/x'", "SET threads = 1", "SELECT set_config('a.b', 'c', false)", "ATTACH 'x.db'"} {
			if got := bursar(t, "query", sql, "--project", dir); got.code != 1 || got.out != "" {
				t.Errorf("%s: %+v", sql, got)
			}
		}
		if got := bursar(t, "query", "SELECT nosuch", "--project", dir, "--json"); got.out != "" || !strings.HasPrefix(got.err, `{"error":"run query: line 1, column 8: `) {
			t.Errorf("the error as JSON: %+v", got)
		}
	})
}

func TestQueryTables(t *testing.T) {
	t.Parallel()
	onWarehouses(t, func(t *testing.T, kind, dir string) {
		if got := must(t, 0, "query", "--tables", "--project", dir); !strings.HasPrefix(got.out, "No tables with data: nothing is published yet") {
			t.Errorf("without tables: %s", got.out)
		}
		withValues(t, dir)
		fillWarehouse(t, dir, func(ctx context.Context, tx warehouse.Tx) error {
			return tx.Create(ctx, "bursar_tables", []column.Field{{Name: "n", Type: column.Type{Kind: column.BigInt}}})
		})
		v := value(t, must(t, 0, "query", "--tables", "--project", dir, "--json"))
		var listed []string
		for i := range listIn(t, v, "tables") {
			one := item(t, v, "tables", i)
			listed = append(listed, fmt.Sprintf("%v %v %v", one["table"], one["kind"], item(t, one, "columns", 0)["name"]))
		}
		if got := strings.Join(listed, ", "); got != "flags view id, values table id, bursar_tables table n" {
			t.Errorf("the tables are %s", got)
		}
		decimal := map[string]string{"duckdb": "amount DECIMAL(18,2)", "postgres": "amount numeric(18,2)"}[kind]
		if got := must(t, 0, "query", "--tables", "--project", dir); !strings.Contains(got.out, "│ flags         │ view  │ id ") {
			t.Errorf("the tables are\n%s", got.out)
		}
		if got := must(t, 0, "query", "--tables", "--format", "csv", "--project", dir); !strings.HasPrefix(got.out, "table,kind,columns\nflags,view,") || !strings.Contains(got.out, decimal) {
			t.Errorf("as CSV they are\n%s", got.out)
		}
	})
}

func TestQueryUsage(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	path := file(t, dir, "one.sql", "\ufeff-- a comment\nSELECT 42 AS answer;\n")
	for _, args := range [][]string{
		{},
		{"SELECT 1", "--file", path},
		{"SELECT 1", "SELECT 2"},
		{"--tables", "SELECT 1"},
		{"SELECT 1", "--timeout", "-1s"},
		{"SELECT 1", "--limit", "-1"},
		{"SELECT 1", "--format", "xml"},
		{"SELECT 1", "--to", "x.xlsx"},
		{"SELECT 1", "--json", "--format", "csv"},
		{"SELECT 1", "--to", "x.csv", "--format", "json"},
	} {
		must(t, 2, append([]string{"query", "--project", dir}, args...)...)
	}
	var out, errs bytes.Buffer
	if code := newCLI(remoteTerminal{&out, 80}, &errs).execute(t.Context(), []string{"query", "SELECT 1", "--format", "parquet", "--project", dir}); code != 2 || !strings.HasPrefix(errs.String(), "error: --format parquet is not text") {
		t.Errorf("Parquet on a terminal: %d, %s", code, errs.String())
	}
	if got := must(t, 0, "query", "--file", path, "--format", "csv", "--project", dir); got.out != "answer\n42\n" {
		t.Errorf("of a file: %s", got.out)
	}
	if got := withInput(t, "SELECT 43 AS answer", "query", "-", "--format", "csv", "--project", dir); got.code != 0 || got.out != "answer\n43\n" {
		t.Errorf("of standard input: %+v", got)
	}
	if got := bursar(t, "query", "--file", path+".no", "--project", dir); got.code != 1 || !strings.Contains(got.err, "one.sql.no: no such file") || !strings.Contains(got.err, "[data]") {
		t.Errorf("of a file that does not exist: %+v", got)
	}
	wrong := file(t, dir, "wrong.sql", "SELECT 1,\n  FORM x")
	if got := bursar(t, "query", "--file", wrong, "--project", dir); got.code != 1 || !strings.HasPrefix(got.err, "error: run "+wrong+": line 2, column ") {
		t.Errorf("of a file with an error: %+v", got)
	}
}

// TestQueryOfManyDigits writes a whole number of 38 digits to Parquet, and refuses one of 39.
func TestQueryOfManyDigits(t *testing.T) {
	t.Parallel()
	dir, to := shop(t), filepath.Join(t.TempDir(), "n.parquet")
	must(t, 0, "query", "SELECT 99999999999999999999999999999999999999::HUGEINT AS n", "--to", to, "--project", dir)
	o := must(t, 1, "query", "SELECT 170141183460469231731687303715884105727::HUGEINT AS n", "--to", to, "--project", dir)
	if !strings.Contains(o.err, "write column n: a number has more than 38 digits") {
		t.Errorf("printed %s", o.err)
	}
}
