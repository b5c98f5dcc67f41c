// Tests of statements that people give.

package warehousetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// ask returns the result of a statement of a person.
func ask(ctx context.Context, db warehouse.Database, sql string) (columns []warehouse.Column, lines []string, err error) {
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		lines = nil
		return r.Ask(ctx, sql, func(described []warehouse.Column, rows []column.Vector) error {
			columns = slices.Clone(described)
			lines = append(lines, printed(rows)...)
			return column.CheckCount(rows, len(described))
		})
	})
	return columns, lines, err
}

func asks(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1, 2, 3)
	for sql, want := range map[string]string{
		"SELECT n FROM t ORDER BY n DESC": "3,2,1", " (SELECT n FROM t WHERE n = 2) ; -- ; DROP TABLE t": "2", "WITH a AS (SELECT n FROM t) SELECT count(*) AS n FROM a": "3",
		"select n from t /* ; ; */ where 'it''s ; ' <> '' and n = 1;": "1", "SELECT n, n / 4.0::DOUBLE PRECISION AS q FROM t ORDER BY n DESC LIMIT 1;": "3|0.75", "SELECT 1 AS a, 2 AS a": "1|2",
		`SELECT 'DROP TABLE t; getenv(''HOME'') pg_read_file(1)' AS "pg read file", NULL AS b`: "DROP TABLE t; getenv('HOME') pg_read_file(1)|NULL",
		"SELECT upper('x') || lower('Y'), round(1.5, 0), coalesce(NULL, 1)":                    "Xy|2|1", "SELECT n FROM t WHERE false": "", "SELECT count(*) FROM information_schema.tables WHERE table_name = 't'": "1",
	} {
		columns, got, err := ask(t.Context(), db, sql)
		if err != nil || strings.Join(got, ",") != want || len(columns) == 0 {
			t.Errorf("%s: %v, %v, want %s", sql, got, err, want)
		}
	}
}

// asksOfAllTypes reads a table with every type, and types that are none of a column.
func asksOfAllTypes(t *testing.T, open Opener) {
	db := opened(t, open)
	nulls := make([]column.Vector, len(allColumns))
	for i, c := range allColumns {
		nulls[i] = vector(c.Type.String(), nil)
	}
	create(t, db, "all_types", allColumns, nulls...)
	columns, lines, err := ask(t.Context(), db, "SELECT *, CAST(0.5 AS DOUBLE PRECISION) AS half FROM all_types;")
	if err != nil || len(lines) != 1 || lines[0] != strings.Repeat("NULL|", len(allColumns))+"0.5" {
		t.Fatalf("%v, %v", lines, err)
	}
	for i, c := range allColumns {
		if columns[i].Name != c.Name || columns[i].Type.String() != c.Type.String() {
			t.Errorf("column %d is %+v, want %+v", i, columns[i], c)
		}
	}
	if half := columns[len(allColumns)]; half.Type.Kind != 0 || half.SQL == "" {
		t.Errorf("the last column is %+v", half)
	}
}

// refusedStatements are refused by every warehouse, before anything of them is executed. FILE stands for the path of a file.
var refusedStatements = []string{
	"", "-- nothing", ";", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t", "SELECT 1 /* ; */; DELETE FROM t", "INSERT INTO t VALUES (2)", "UPDATE t SET n = 2", "DELETE FROM t", "TRUNCATE t", "DROP TABLE t",
	"CREATE TABLE u AS SELECT 1 AS a", "CREATE TEMP TABLE u AS SELECT 1 AS a", "CREATE VIEW v AS SELECT 1 AS a", "ALTER TABLE t ADD COLUMN x INT", "SELECT 1 INTO u", "SELECT n INTO TEMP u FROM t", "SELECT * FROM t FOR UPDATE",
	"WITH x AS (INSERT INTO t VALUES (2) RETURNING n) SELECT n FROM x", "WITH x AS (DELETE FROM t RETURNING n) SELECT n FROM x", "EXPLAIN ANALYZE INSERT INTO t VALUES (2)", "EXPLAIN ANALYZE CREATE TABLE u AS SELECT 1 AS a",
	"EXPLAIN (ANALYZE) CREATE TABLE u AS SELECT 1 AS a", "BEGIN", "COMMIT", "ROLLBACK; DROP TABLE t", "COPY t TO 'FILE'", "COPY t FROM 'FILE'", "COPY t TO PROGRAM 'id'", "COPY (SELECT 1) TO 'FILE'", "UNLOAD ('SELECT 1') TO 's3://x'",
	"SET search_path TO public", "SET threads = 1", "SET LOCAL transaction_read_only = off", "RESET ALL", "DO 'BEGIN END'", "CALL x()", "PREPARE p AS SELECT 1", "EXECUTE p", "DECLARE c CURSOR FOR SELECT 1", "LISTEN x", "NOTIFY x", "LOCK TABLE t",
	"VACUUM", "ANALYZE", "GRANT SELECT ON t TO public", "ATTACH 'FILE'", "INSTALL httpfs", "LOAD httpfs", "LOAD 'x'", "PRAGMA database_list", "EXPORT DATABASE 'FILE'", "CREATE EXTENSION dblink", "SELECT $1", "SELECT 'x", "SELECT '\xff'", "SELECT 1\x00",
	"SELECT * FROM read_text('FILE')", "SELECT * FROM read_csv('FILE')", "SELECT * FROM read_parquet('FILE')", "SELECT * FROM 'FILE'", `SELECT * FROM "FILE"`, "SELECT * FROM glob('FILE')", "SELECT getenv('HOME')", "SELECT * FROM query('SELECT 1')",
	"SELECT * FROM query_table('t')", "SELECT pg_read_file('FILE')", "SELECT pg_catalog.pg_read_file('FILE')", `SELECT "pg_read_file"('FILE')`, "SELECT PG_READ_FILE ('FILE')", "SELECT pg_read_file/**/('FILE')", `SELECT U&"\0070g_read_file"('FILE')`,
	"SELECT * FROM pg_ls_dir('/')", "SELECT (SELECT pg_read_binary_file('FILE') FROM t)", "WITH a AS (SELECT pg_read_file('FILE') AS x) SELECT x FROM a", "SELECT n FROM t ORDER BY (SELECT pg_read_file('FILE'))", "SELECT n FROM t WHERE EXISTS (SELECT pg_read_file('FILE'))",
	"SELECT lo_import('FILE')", "SELECT lo_export(1, 'FILE')", "SELECT set_config('statement_timeout', '0', false)", "SELECT current_setting('data_directory')", "SELECT pg_sleep(0)", "SELECT pg_terminate_backend(1)", "SELECT pg_advisory_lock(1)",
	"SELECT pg_notify('a', 'b')", "SELECT query_to_xml('SELECT 1', true, true, '')", "SELECT table_to_xml('pg_authid', true, true, '')", "SELECT nextval('s')", "SELECT setseed(0.5)", "SELECT * FROM dblink('', 'SELECT 1') AS x (a INT)",
	"SELECT * FROM pg_authid", "SELECT * FROM pg_shadow", "SELECT * FROM pg_hba_file_rules", "SELECT * FROM pg_settings", "SELECT * FROM pg_catalog.pg_file_settings", "SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()",
	"SHOW search_path", "SHOW data_directory", "SELECT 'x' AS a, 'b\\' || (pg_read_file('FILE')) --'",
}

func refusesStatements(t *testing.T, open Opener) {
	place := t.TempDir()
	db := openedAt(t, open, place)
	createNumbers(t, db, "t", 1)
	file := filepath.Join(place, "file.csv")
	must(t, os.WriteFile(file, []byte("secret\n1\n"), 0o644))
	for _, sql := range refusedStatements {
		sql = strings.ReplaceAll(sql, "FILE", file)
		_, got, err := ask(t.Context(), db, sql)
		var refused *warehouse.StatementError
		if !errors.As(err, &refused) || refused.Message == "" || failure.Of(err) != failure.Data {
			t.Errorf("%s: %v, %v", sql, got, err)
		}
	}
	wantRows(t, db, "SELECT n FROM t", "1")
	if _, found := table(t, db, "u"); found {
		t.Error("a statement has created a table")
	}
}

// checksSelects refuses a SELECT of the project that does more than compute from tables, within a transaction that writes.
func checksSelects(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	check := func(sql string) (err error) {
		write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
			err = tx.CheckSelect(ctx, sql)
			return nil
		})
		return err
	}
	for _, sql := range []string{
		"SELECT n, sum(n) OVER (ORDER BY n) FROM t", "-- a comment\nWITH a AS (SELECT count(*) AS c FROM t) SELECT c, now(), random() FROM a", "(SELECT upper('x') || repeat('y', 3) FROM missing_table)", "VALUES (1)",
	} {
		if err := check(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for sql, line := range map[string]int{
		"SELECT current_setting('x')": 1, "SELECT n\nFROM t WHERE n =\n(SELECT nextval('s'))": 3, "SELECT 1,\nsetseed(0.5)": 2, "SELECT *\nFROM pg_catalog.pg_settings": 2, "SELECT * FROM pg_read_file('x')": 1,
	} {
		var refused *warehouse.StatementError
		if err := check(sql); !errors.As(err, &refused) || refused.Line != line || failure.Of(err) != failure.Data {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// faultsOfStatements says what is wrong, and where.
func faultsOfStatements(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	for _, c := range []struct {
		sql, message string
		line, column int
		unknown      bool
	}{
		{"SELECT n,\n  missing_column FROM t", "missing_column", 2, 3, false},
		{"SELECT missing_column FROM t", "missing_column", 1, 8, false},
		{"SELECT 'žluť', missing_column FROM t", "missing_column", 1, 16, false},
		{"SELECT " + strings.Repeat("n, ", 60) + "missing_column, " + strings.Repeat("n, ", 60) + " n FROM t", "missing_column", 1, 188, false},
		{"SELECT n\nFROM missing_table", "missing_table", 2, 6, true},
		{"SELECT n FROM t GROUP BY n HAVNG 1", "HAVNG", 1, 28, false},
	} {
		_, _, err := ask(t.Context(), db, c.sql)
		var got *warehouse.StatementError
		if !errors.As(err, &got) || !strings.Contains(got.Message, c.message) || got.UnknownTable != c.unknown || got.Line != c.line || got.Column != c.column {
			t.Errorf("%s: %+v", c.sql, err)
		}
	}
	_, _, err := ask(t.Context(), db, "SELECT CAST('12x4' AS INTEGER)")
	if err == nil || !strings.Contains(err.Error(), "12x4") || failure.Of(err) != failure.Data {
		t.Errorf("a value that is not valid: %v", err)
	}
}

// longStatement takes longer than any test.
const longStatement = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 100000) c"

func stopsStatements(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	limited, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := ask(limited, db, longStatement); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("at the end of its time: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := db.Read(cancelled, func(ctx context.Context, r warehouse.Reader) error {
		return r.Ask(ctx, "SELECT * FROM generate_series(1, 10000000)", func([]warehouse.Column, []column.Vector) error {
			cancel()
			return failure.ErrStop
		})
	})
	if err == nil {
		t.Error("a statement that is cancelled has no error")
	}
	wantRows(t, db, "SELECT n FROM t", "1")
	if _, _, err := ask(t.Context(), db, "SELECT n FROM t"); err != nil {
		t.Error(err)
	}
}
