// Tests of the catalog: what psql shows, and what drivers ask.

package wire

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"bursar/internal/column"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

// TestTablesOfShortNames reads tables of the warehouse whose names are short, with a function that is about the catalog.
func TestTablesOfShortNames(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeExec)
	for _, name := range []string{"nsp", "rel", "att", "me", "typ"} {
		e.write(t, fmt.Sprintf("CREATE TABLE %s (oid INTEGER, name VARCHAR)", name), fmt.Sprintf("INSERT INTO %s VALUES (77, 'Ada')", name))
		var n, least int
		if err := conn.QueryRow(t.Context(), "SELECT count(*), min(oid) FROM "+name+" WHERE current_user() IS NOT NULL").Scan(&n, &least); err != nil || n != 1 || least != 77 {
			t.Errorf("%s has %d rows from %d, %v", name, n, least, err)
		}
	}
}

// TestPsql runs the commands of psql that describe a database.
func TestPsql(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed: apt-get install postgresql-client")
	}
	e := serve(t, nil)
	host, port, err := net.SplitHostPort(e.address)
	if err != nil {
		t.Fatal(err)
	}
	commands := []struct{ command, want string }{
		{`\dt`, "public|Odd Name|table|bursar\npublic|orders|table|bursar"},
		{`\dv`, "public|totals|view|bursar"},
		{`\d`, "public|totals|view|bursar"},
		{`\dn`, "public|bursar"},
		{`\l`, "warehouse|bursar|UTF8"},
		{`\d orders`, "amount|numeric(18,2)|||"},
		{`\d orders`, "instant|timestamp with time zone|||"},
		{`\d orders`, "tags|text[]|||"},
		{`\d "Odd Name"`, "Größe|integer"},
		{`\d+ totals`, "amount|numeric(38,2)"},
		{`\du`, "bursar|"},
		{`\df`, ""},
		{`\di`, ""},
		{`\dp`, "public|orders|table"},
		{`\dT`, ""},
		{`\dt+`, "public|orders|table|bursar|permanent"},
		{`\d+`, "public|orders|table"},
		{`\ds`, ""},
		{`\dm`, ""},
		{`\dx`, ""},
		{`\db`, "pg_default|bursar"},
		{`\dt nothing`, ""},
		{`\d public.orders`, "amount|numeric(18,2)"},
		{`\sv totals`, "CREATE OR REPLACE VIEW public.totals AS"},
		{`\dn+`, "public|bursar"},
		{`\dg`, "bursar"},
		{`\z`, "public|orders|table"},
		{`\dD`, ""},
		{`\df+`, ""},
		{`\dy`, ""},
		{`\dRp`, ""},
		{`\l+`, "warehouse"},
		{"SELECT id, amount FROM public.orders ORDER BY id", "1|12.30\n2|-0.05\n3|0.00"},
		{"SELECT version()", "PostgreSQL 15.0"},
		{"SHOW server_version", "15.0"},
		{"SELECT current_database(), current_schema, current_user", "warehouse|public|bursar"},
	}
	args := []string{"-X", "-A", "-t", "-h", host, "-p", port, "-U", "bursar", "-d", "warehouse"}
	for _, c := range commands {
		args = append(args, "-c", `\echo ==`, "-c", c.command)
	}
	command := exec.CommandContext(t.Context(), psql, args...)
	command.Env = append(os.Environ(), "PGPASSWORD="+testPassword, "LC_ALL=C.UTF-8", "PGSSLMODE=disable")
	out, err := command.CombinedOutput()
	answers := strings.Split(string(out), "==\n")[1:]
	if err != nil || len(answers) != len(commands) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, c := range commands {
		if strings.Contains(answers[i], "ERROR") || !strings.Contains(answers[i], c.want) {
			t.Errorf("%s:\n%s\nwant %s", c.command, answers[i], c.want)
		}
	}
}

// TestCatalogStatements runs what drivers and tools ask about tables.
func TestCatalogStatements(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
		conn := e.connect(t, mode)
		for _, c := range []struct{ sql, want string }{
			{"SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1", "Odd Name orders totals"},
			{"SELECT tables.table_name FROM warehouse.information_schema.tables WHERE table_type = 'VIEW'", "totals"},
			{"SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_name = 'orders' AND ordinal_position < 4 ORDER BY ordinal_position", "id integer customer text amount numeric"},
			{"SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1", "Odd Name orders"},
			{"SELECT pg_catalog.format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.orders'::regclass AND attnum IN (3, 13) ORDER BY attnum", "numeric(18,2) text[]"},
			{`SELECT attname FROM pg_attribute WHERE attrelid = CAST('"Odd Name"' AS pg_catalog.regclass) ORDER BY attnum`, "Größe select"},
			{"SELECT relname FROM pg_class WHERE relname OPERATOR(pg_catalog.~) '^(tot.*)$' COLLATE pg_catalog.default", "totals"},
			{"SELECT current_setting('server_version_num')", "150000"},
			{"SELECT set_config('search_path', '', false)", ""},
			{"SELECT pg_is_in_recovery()::text", "false"},
			{"SELECT array_to_string(current_schemas(true), ',')", "pg_catalog,public"},
			{"SELECT typname FROM pg_type WHERE oid = 1700", "numeric"},
			{"SELECT count(*)::text FROM pg_index", "0"},
			{"SELECT 'x' FROM pg_class WHERE relname = 'totals' AND 'b' <> ALL ('{a,\"c,d\"}'::text[])", "x"},
			{"SELECT s::text FROM pg_catalog.generate_series(1, 2) s", "1 2"},
			{"SELECT current_database() || customer FROM orders WHERE id = 1", "warehouseAda"}, // not about the catalog only
		} {
			rows, err := conn.Query(t.Context(), c.sql)
			if err != nil {
				t.Errorf("%s: %v", c.sql, err)
				continue
			}
			got, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%s: %q, %v, want %s", c.sql, got, err, c.want)
			}
		}
		var oid uint32
		if err := conn.QueryRow(t.Context(), "SELECT oid FROM pg_class WHERE relname = 'orders'").Scan(&oid); err != nil || oid < firstOther {
			t.Errorf("number %d, %v", oid, err)
		}
	}
}

// TestCatalogFollows changes the tables between two statements.
func TestCatalogFollows(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeExec)
	tables := func() string {
		t.Helper()
		rows, err := conn.Query(t.Context(), "SELECT schemaname || '.' || tablename FROM pg_tables ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(got, " ")
	}
	if got := tables(); got != "public.Odd Name public.orders" {
		t.Error(got)
	}
	e.write(t, "CREATE SCHEMA other", `CREATE TABLE other."it's" (a STRUCT(x INTEGER))`, "DROP TABLE orders CASCADE", "DROP VIEW totals")
	if got := tables(); got != "other.it's public.Odd Name" {
		t.Error(got)
	}
}

// TestMacros checks that names within macros cannot be those of a statement, and that every macro is one that a statement may call.
func TestMacros(t *testing.T) {
	t.Parallel()
	if n := strings.Count(catalogSQL, "CREATE MACRO "); len(macros()) < n-1 || n < 60 {
		t.Errorf("%d of %d macros are known", len(macros()), n)
	}
	for _, name := range []string{"read_text", "query", "getenv", "duckdb_settings"} {
		if macros()[name] {
			t.Errorf("%s is allowed", name)
		}
	}
	e := serve(t, nil)
	err := newCatalogs("it's me").asking(e.db)(t.Context(), func(ctx context.Context, a duckwarehouse.Asker) error {
		return a.Ask(ctx, "SELECT name FROM bursar_me", asText, func(_ []warehouse.Column, rows []column.Vector) error {
			if got := string(rows[0].Text(0)); got != "it's me" {
				t.Error(got)
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT * FROM public.a": "SELECT * FROM main.a", `SELECT * FROM "public"."a"`: `SELECT * FROM main."a"`, "SELECT * FROM warehouse.public.a": "SELECT * FROM main.a", "SELECT 'public.a', x.public.y FROM public": "SELECT 'public.a', x.public.y FROM public",
		"SELECT TO_TIMESTAMP('2026-09-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US'), 1":                                                           "SELECT strptime('2026-09-01 00:00:00.000000', '%Y-%m-%d %H:%M:%S.%f'), 1",
		"SELECT to_date(d, 'YYYY-MM-DD') FROM public.a":                                                                                              "SELECT strptime(d, '%Y-%m-%d')::DATE FROM main.a",
		"SELECT to_char(to_timestamp('1%', 'fmddmon'), 'FMDD Mon ''YY')":                                                                             "SELECT strftime(to_timestamp('1%', 'fmddmon'), '%-d %b ''%y')",
		"SELECT to_char(public.f(d, 'YYYY'), 'yyyy_mm%ddd')":                                                                                         "SELECT strftime(main.f(d, 'YYYY'), '%Y_%m%%%j')",
		"SELECT to_date(d, 'DD.MM.YY'), to_timestamp(d, 'YYYY-MM-DD HH12:MI'), to_timestamp(d, 'HH24:MI')":                                           "SELECT to_date(d, 'DD.MM.YY'), to_timestamp(d, 'YYYY-MM-DD HH12:MI'), to_timestamp(d, 'HH24:MI')",
		"SELECT to_timestamp(d, 'YYYY-MM-DD HH:MI AM')":                                                                                              "SELECT strptime(d, '%Y-%m-%d %I:%M %p')",
		"SELECT to_char(x, '999'), to_timestamp(5), to_char(x, 'Month'), to_char(x, 'SSSS'), to_char(x, f), x.to_char(y, 'YYYY'), to_char, to_char(": "SELECT to_char(x, '999'), to_timestamp(5), to_char(x, 'Month'), to_char(x, 'SSSS'), to_char(x, f), x.to_char(y, 'YYYY'), to_char, to_char(",
	} {
		got, edits := forWarehouse(split(sql)[0])
		if got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
		if at := origin(edits, len(got)); at != len(sql) {
			t.Errorf("%s: its end is at byte %d", sql, at)
		}
	}
	for sql, want := range map[string]string{
		"SELECT a::pg_catalog.text": "SELECT a::text", "SELECT 'a'::regclass::oid": "SELECT to_regclass('a')::uinteger", "SELECT $1::regclass": "SELECT to_regclass($1)", "SELECT '12'::regclass": "SELECT '12'::uinteger", "SELECT a OPERATOR(pg_catalog.=) b": "SELECT a  =  b",
		"SELECT a COLLATE pg_catalog.\"C\" FROM b": "SELECT a  FROM b", "SELECT CAST(a AS pg_catalog.name)": "SELECT CAST(a AS varchar)", "SELECT pg_catalog.f(x), 'pg_catalog.f(x)'": "SELECT f(x), 'pg_catalog.f(x)'",
		"SELECT * FROM information_schema.tables": "SELECT * FROM info.tables", "SELECT a FROM unnest(b) a, c": "SELECT a FROM unnest(b) a(a), c", "SELECT a[1]::int2[], '{1,2}'::int4[]": "SELECT a[1]::int2[], CAST(['1', '2'] AS VARCHAR[])::int4[]", "SELECT a::": "SELECT a::", "SELECT OPERATOR(": "SELECT OPERATOR(",
		"SELECT pg_catalog.": "SELECT pg_catalog.", "SELECT CAST('a' AS regclass": "SELECT CAST('a' AS regclass", "COLLATE": "COLLATE",
	} {
		if got := forCatalog(split(sql)[0]); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

// FuzzRewrite rewrites any text, which must not fail, and keeps texts and the order of tokens.
func FuzzRewrite(f *testing.F) {
	for _, sql := range []string{"SELECT 'a'::pg_catalog.regclass", "SELECT CAST($1 AS regclass), x COLLATE y.z", "a OPERATOR(pg_catalog.~) b", "FROM warehouse.public.a", "unnest(x) WITH", "to_date('a', 'YYYY')", "to_char(public.x,''''", "'{a}'::text[]", "::", "CAST(", "FROM generate_series(1,2) AS s"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, s := range split(sql) {
			literals := func(tokens []token) (list []string) {
				for _, x := range tokens {
					if x.kind == literal {
						list = append(list, x.text)
					}
				}
				return list
			}
			got, edits := forWarehouse(s)
			before, after := literals(s.tokens), literals(scan(got))
			if origin(edits, len(got)) != len(s.sql) || len(after) != len(before) || !strings.Contains(strings.ToLower(s.sql), "to_") && !slices.Equal(after, before) {
				t.Fatalf("%q becomes %q", s.sql, got)
			}
			forCatalog(s)
			_ = fmt.Sprint(aboutCatalog(s.tokens), namesCatalog(s.tokens))
		}
	})
}
