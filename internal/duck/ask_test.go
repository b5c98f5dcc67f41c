// Tests of the statements of people: what is executed and what is refused.

package duck

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/column"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// openAsked opens a session like those of a warehouse. Its scratch folder has the file rows.parquet, which the session may read.
func openAsked(t testing.TB) (s *Session, file string) {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(Options{Threads: 1, Memory: "200MB", File: filepath.Join(dir, "warehouse.duckdb"), Scratch: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	file = filepath.Join(dir, "rows.parquet")
	for _, sql := range []string{
		"CREATE TABLE orders AS SELECT 1::BIGINT AS id, 12.50::DECIMAL(18,2) AS amount, DATE '2024-02-29' AS day, 'a' AS name, [1, 2] AS list",
		"COPY orders TO " + Literal(file), "CREATE VIEW copied AS FROM read_parquet(" + Literal(file) + ")", `CREATE TABLE "x.csv" AS SELECT 7 AS seven`,
		"CREATE SCHEMA other", "CREATE TABLE other.t AS SELECT 1 AS a", `CREATE TABLE other."y.csv" AS SELECT 1 AS a`, "CREATE SEQUENCE numbers", "CREATE MACRO evil() AS current_setting('threads')",
		"CREATE MACRO evil_rows() AS TABLE FROM duckdb_settings()",
	} {
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return s, file
}

// runAsked executes a statement after CheckAsked, and returns the number of its rows.
func runAsked(ctx context.Context, s *Session, sql string) (rows int, err error) {
	if err := s.Exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Exec(ctx, "ROLLBACK")) }()
	if _, err := s.CheckAsked(ctx, sql); err != nil {
		return 0, err
	}
	err = s.Query(ctx, "SELECT t::VARCHAR FROM query("+Literal(sql)+") AS t", func(vectors []column.Vector) error {
		rows += vectors[0].Len()
		return nil
	})
	return rows, err
}

func TestAskedIsExecuted(t *testing.T) {
	t.Parallel()
	s, _ := openAsked(t)
	for _, sql := range []string{
		"SELECT * FROM orders", "select * from ORDERS;", "FROM orders", "TABLE orders", "VALUES (1), (2)", "(SELECT 1)", ";SELECT 1; -- ; DROP", "/* ; */ SELECT ';'",
		"SELECT * FROM main.orders a, warehouse.orders b, warehouse.main.orders c", "SELECT * FROM other.t", "FROM copied", `FROM "x.csv"`, `FROM other."y.csv"`, `FROM warehouse.other.t`,
		"WITH a AS (FROM orders), b AS MATERIALIZED (FROM a) SELECT * FROM b", "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 5) FROM r",
		"WITH orders AS (SELECT 1 AS x) SELECT x FROM orders", "SELECT 1 UNION SELECT 2 INTERSECT SELECT 2 EXCEPT SELECT 3 ORDER BY 1 DESC NULLS LAST LIMIT 50% OFFSET 0",
		"SELECT DISTINCT ON (id) * EXCLUDE (list) REPLACE (upper(name) AS name) FROM orders", "SELECT COLUMNS('a.*') FROM orders", "SELECT #1 FROM orders",
		"SELECT name, sum(amount) FILTER (WHERE id > 0), count(*) OVER (PARTITION BY name ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM orders GROUP BY name, id, amount HAVING count(*) > 0 QUALIFY true",
		"SELECT GROUPING(name), count(*) FROM orders GROUP BY CUBE (name, id)", "SELECT * FROM orders a JOIN orders b USING (id) LEFT JOIN orders c ON c.id = a.id, LATERAL (SELECT a.id + 1)", "FROM orders a ASOF JOIN orders d ON a.id >= d.id",
		"SELECT * FROM orders SEMI JOIN orders o ON true", "FROM orders POSITIONAL JOIN orders o", "FROM orders TABLESAMPLE 50%", "FROM orders USING SAMPLE 1 ROWS",
		"PIVOT orders ON name IN ('a', 'b') USING sum(amount)", "FROM orders PIVOT (sum(amount) FOR name IN ('a'))", "UNPIVOT (SELECT id, amount FROM orders) ON id, amount",
		"SELECT EXISTS (FROM orders), id IN (SELECT 1), id = ANY (SELECT 1), (SELECT max(id) FROM orders), ARRAY(SELECT 1) FROM orders",
		"SELECT CASE WHEN id BETWEEN 1 AND 2 THEN 'x' ELSE 'y' END, id::VARCHAR, TRY_CAST(name AS INT), name COLLATE NOCASE, name LIKE 'a%', name ~ 'a', NOT id IS NULL, TRY(id) FROM orders",
		"SELECT list_transform(list, lambda x: x + 1), [x * 2 for x in list if x > 1], list[1], list[1:2], {'a': 1}.a, map {'k': 1}['k'], (1, 2) FROM orders",
		"SELECT avg(amount), median(id), quantile_cont(amount, 0.5), stddev(id), random(), uuid(), now(), current_date, current_timestamp, version(), typeof(1) FROM orders",
		"SELECT day + INTERVAL 1 MONTH, date_trunc('month', day), date_diff('day', date_trunc('month', now() - INTERVAL 1 MONTH), date_trunc('month', now())), extract(year FROM day), strftime(day, '%Y') FROM orders",
		"SELECT unnest(generate_series(min(day), max(day), INTERVAL 1 DAY)) FROM orders", "FROM generate_series(1, 200000)", "SELECT count(*) FROM range(1000000) t(i)", "FROM unnest([1, 2])",
		"SELECT json_extract_string('{\"a\": 1}', '$.a'), '{\"a\": 1}'::JSON->>'a', to_json(o) FROM orders o", "FROM json_each('[1, 2]')", "SELECT CAST(NULL AS STRUCT(a INT, b DECIMAL(9,2)[], c VARCHAR[3])), 'x'::BLOB",
		"DESCRIBE orders", "DESCRIBE SELECT 1", "SUMMARIZE orders", "SHOW TABLES", "SHOW ALL TABLES", "SHOW orders", "DESCRIBE",
		"SELECT table_name FROM information_schema.tables", "SELECT column_name FROM information_schema.columns", "FROM system.information_schema.tables", "FROM pg_catalog.pg_class", "SELECT * FROM pg_class",
		"SELECT table_name FROM duckdb_tables()", "SELECT table_name FROM duckdb_tables", "SELECT column_name FROM duckdb_columns()", "FROM sqlite_master",
		"SELECT lpad('7', 3, '0'), repeat('-', 20), replace(name, 'a', 'b'), len(range(10)) FROM orders", "SELECT 'read_csv(''x'')', \"name\" AS \"getenv('x')\" FROM orders",
	} {
		if _, err := runAsked(t.Context(), s, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestAskedIsRefused(t *testing.T) {
	t.Parallel()
	s, file := openAsked(t)
	for sql, want := range map[string]string{
		// other statements
		"": "these are 0", "-- nothing": "these are 0", "SELECT 1; SELECT 2": "these are 2", "SELECT 1;;SELECT 2": "these are 2", "SELECT 1; DROP TABLE orders": "only a statement that reads",
		"SELECT 1 /* ; */; DELETE FROM orders --": "only a statement that reads", "INSERT INTO orders SELECT * FROM orders": "only a statement that reads",
		"UPDATE orders SET id = 2": "only a statement that reads", "DELETE FROM orders": "only a statement that reads", "CREATE TABLE t (a INT)": "only a statement that reads", "CREATE TEMP TABLE t AS SELECT 1": "only a statement that reads",
		"DROP TABLE orders": "only a statement that reads", "ALTER TABLE orders ADD COLUMN x INT": "only a statement that reads", "COPY orders TO 'x.csv'": "only a statement that reads", "COPY orders FROM 'x.csv'": "only a statement that reads",
		"COPY (SELECT 1) TO 'x'": "only a statement that reads", "EXPORT DATABASE 'x'": "only a statement that reads", "IMPORT DATABASE 'x'": "only a statement that reads", "ATTACH 'x.db'": "only a statement that reads",
		"DETACH warehouse": "only a statement that reads", "USE other": "only a statement that reads", "INSTALL httpfs": "only a statement that reads", "LOAD httpfs": "only a statement that reads", "FORCE INSTALL httpfs FROM 'x'": "only a statement that reads",
		"SET threads = 1": "only a statement that reads", "RESET threads": "only a statement that reads", "SET VARIABLE x = 1": "only a statement that reads", "PRAGMA threads = 1": "only a statement that reads", "PRAGMA database_list": "only a statement that reads",
		"PRAGMA table_info('orders')": "only a statement that reads", "CALL duckdb_settings()": "only a statement that reads", "CHECKPOINT": "only a statement that reads", "VACUUM": "only a statement that reads", "BEGIN": "only a statement that reads",
		"COMMIT": "only a statement that reads", "ROLLBACK": "only a statement that reads", "PREPARE p AS SELECT 1": "only a statement that reads", "EXECUTE p": "only a statement that reads", "EXPLAIN SELECT 1": "only a statement that reads",
		"EXPLAIN ANALYZE DELETE FROM orders": "only a statement that reads", "CREATE SECRET s (TYPE s3)": "only a statement that reads", "CREATE MACRO m() AS 1": "only a statement that reads", "MERGE INTO orders USING orders o ON true WHEN MATCHED THEN DELETE": "only a statement that reads",
		"PIVOT orders ON name USING sum(amount)": "a PIVOT needs its values", "SELECT 1 INTO x": "SELECT INTO", "SELECT * FROM orders FOR UPDATE": "locking", "WITH x AS (INSERT INTO orders VALUES (1) RETURNING id) FROM x": "A CTE needs a SELECT",
		"SELECT 1\x00; DROP TABLE orders": "not valid UTF-8", "SELECT '\xff'": "not valid UTF-8", "SELEC 1": "syntax error", "SELECT $1": "a parameter has no value", "SELECT ?, id FROM orders": "a parameter has no value",
		// files
		"FROM 'x.csv.gz'": "does not exist", "FROM x.csv": "does not exist", "FROM '" + file + "'": "does not exist", `FROM "` + file + `"`: "does not exist", "SELECT (SELECT id FROM '" + file + "')": "does not exist", `FROM other."y.parquet"`: "does not exist",
		`FROM system.main."x.csv"`: "does not exist", `FROM "y.csv"`: "does not exist", `WITH "` + file + `" AS (SELECT 1) FROM "` + file + `"`: "does not exist", "DESCRIBE '" + file + "'": "does not exist", "SUMMARIZE '" + file + "'": "does not exist",
		"SELECT (WITH \"" + file + "\" AS (SELECT 1) SELECT 1), * FROM \"" + file + "\"": "does not exist", "FROM read_text('/etc/passwd')": "read_text() is refused", "FROM read_blob('" + file + "')": "read_blob() is refused", "FROM read_csv('x')": "read_csv() is refused",
		"FROM READ_CSV_AUTO('x')": "read_csv_auto() is refused", "FROM \"read_csv\"('x')": "read_csv() is refused", "FROM system.main.read_csv('x')": "read_csv() is refused", "FROM read_json('x')": "read_json() is refused", "FROM read_ndjson_objects('x')": "read_ndjson_objects() is refused",
		"FROM read_parquet('" + file + "')": "read_parquet() is refused", "FROM parquet_scan(['" + file + "'])": "parquet_scan() is refused", "FROM parquet_metadata('" + file + "')": "parquet_metadata() is refused", "FROM parquet_schema('x')": "parquet_schema() is refused",
		"FROM parquet_kv_metadata('x')": "is refused", "FROM glob('/*')": "glob() is refused", "FROM sniff_csv('x')": "sniff_csv() is refused", "FROM read_duckdb('x')": "read_duckdb() is refused", "WITH a AS (FROM read_text('/etc/passwd')) FROM a": "read_text() is refused",
		"SELECT * FROM orders, LATERAL (SELECT content FROM read_text(name))": "read_text() is refused", "SELECT (SELECT content FROM read_text('x')) FROM orders": "read_text() is refused", "SELECT 1 UNION ALL SELECT length(content) FROM read_text('x')": "read_text() is refused",
		"SELECT id FROM orders WHERE EXISTS (FROM glob('*'))": "glob() is refused", "SELECT id FROM orders ORDER BY (SELECT 1 FROM glob('*'))": "glob() is refused", "SELECT 1 LIMIT (SELECT count(*) FROM glob('*'))": "glob() is refused",
		"SELECT [x for x in (SELECT list(file) FROM glob('*'))]": "glob() is refused", "PIVOT (FROM glob('*')) ON file IN ('a') USING count(*)": "glob() is refused", "DESCRIBE FROM glob('*')": "glob() is refused",
		"SUMMARIZE FROM glob('*')": "glob() is refused", "VALUES ((SELECT 1 FROM glob('*')))": "glob() is refused", "SELECT * REPLACE ((SELECT 1 FROM glob('*')) AS id) FROM orders": "glob() is refused", "SELECT sum(id) FILTER (WHERE EXISTS (FROM glob('*'))) FROM orders": "glob() is refused",
		// settings, the environment, other SQL, and what changes something
		"SELECT getenv('HOME')": "getenv() is refused", "SELECT 'HOME'.getenv()": "syntax error", "SELECT name.getenv() FROM orders": "getenv() is refused", "SELECT list_transform(list, lambda x: getenv(x::VARCHAR)) FROM orders": "getenv() is refused",
		"SELECT current_setting('threads')": "current_setting() is refused", "SELECT getvariable('x')": "getvariable() is refused", "FROM duckdb_settings()": "duckdb_settings() is refused", "FROM duckdb_secrets()": "duckdb_secrets() is refused",
		"FROM which_secret('x', 's3')": "which_secret() is refused", "FROM duckdb_extensions()": "is refused", "FROM duckdb_databases()": "is refused", "FROM duckdb_databases": "does not exist", "FROM pg_settings": "does not exist",
		"FROM pg_catalog.pg_settings": "does not exist", "FROM duckdb_logs": "does not exist", "FROM pragma_database_list": "does not exist", "SHOW DATABASES": "this kind of SHOW", "SHOW TABLES FROM main": "this kind of SHOW", "FROM pragma_version()": "is refused",
		"FROM pragma_show('orders')": "is refused", "FROM query('SELECT 1')": "query() is refused", "FROM query_table('orders')": "query_table() is refused", "FROM query_table(['" + file + "'])": "query_table() is refused", "FROM histogram(orders, id)": "histogram() is refused",
		"FROM histogram_values('" + file + "', id)": "is refused", "FROM json_execute_serialized_sql('{}')": "is refused", "SELECT json_serialize_plan('FROM orders')": "json_serialize_plan() is refused", "SELECT json_serialize_sql('SELECT 1')": "is refused",
		"SELECT json_deserialize_sql('{}')": "is refused", "FROM sql_auto_complete('SEL')": "is refused", "FROM seq_scan('orders')": "is refused", "FROM arrow_scan(1, 2, 3)": "is refused", "FROM checkpoint()": "is refused", "FROM enable_logging()": "is refused",
		"SELECT write_log('x')": "write_log() is refused", "SELECT nextval('numbers')": "nextval() is refused", "SELECT currval('numbers')": "currval() is refused", "SELECT setseed(0.5)": "setseed() is refused", "SELECT sleep_ms(1)": "sleep_ms() is refused",
		"SELECT pg_sleep(1)": "pg_sleep() is refused", "SELECT evil()": "evil() is refused", "FROM evil_rows()": "evil_rows() is refused", "SELECT error('x')": "error() is refused", "SELECT sum(id) OVER (ORDER BY current_setting('x')) FROM orders": "current_setting() is refused",
		"SELECT * FROM orders AT (VERSION => current_setting('x'))": "current_setting() is refused", "SELECT no_such_function(1)": "no_such_function() is refused", "SELECT __internal_decompress_string(1)": "is refused", "SELECT finalize(name) FROM orders": "is refused",
		// values without limits
		"SELECT repeat('x', 2000000000)": "repeat() takes", "SELECT repeat('x', id) FROM orders": "repeat() takes", "SELECT lpad(name, 100000000, ' ') FROM orders": "lpad() takes", "SELECT range(100000000)": "range() takes", "SELECT list_sort(range(id)) FROM orders": "range() takes",
		"FROM unnest(range(100000000))": "range() takes", "SELECT generate_series(day, day, to_microseconds(1)) FROM orders": "generate_series() takes", "SELECT bitstring('1', 2000000000)": "is refused", "SELECT list_resize([1], 500000000)": "is refused",
		"SELECT format('{:>1000000000}', 1)": "is refused", "SELECT replace(repeat('x', 1000), 'x', replace(repeat('x', 1000), 'x', repeat('x', 1000)))": "may become too large",
		"FROM no_such_table": "does not exist", "FROM no_such_schema.orders": "does not exist", "FROM other.orders": "does not exist", "FROM t": "does not exist", "WITH a AS (SELECT 1) FROM b": "does not exist",
	} {
		_, err := s.CheckAsked(t.Context(), sql)
		var refused *AskError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %s", sql, err, want)
		}
	}
}

func TestAskErrorHasAPlace(t *testing.T) {
	t.Parallel()
	s, _ := openAsked(t)
	for sql, want := range map[string]AskError{
		"SELECT id,\n  getenv('x')": {Place: 14}, "SELECT 1 FORM x y": {Place: 15}, "SELECT * FROM nowhere": {Place: 15, Table: "nowhere"}, "FROM a.b": {Place: 6, Table: "a.b"}, "FROM glob('x')": {Place: 6}, "DROP TABLE x": {},
	} {
		_, err := s.CheckAsked(t.Context(), sql)
		var refused *AskError
		if !errors.As(err, &refused) || refused.Place != want.Place || refused.Table != want.Table {
			t.Errorf("%s: %+v", sql, err)
		}
	}
}

// neverAsked are the functions of this version of DuckDB that a statement of a person may not call. A function that is neither here nor allowed is new:
// read what it does.
var neverAsked = set(`
	error combine finalize constant_or_null create_sort_key current_connection_id current_query current_query_id current_setting current_transaction_id
	currval getvariable in_search_path is_histogram_other_bin json_deserialize_sql json_serialize_plan json_serialize_sql nextval parse_duckdb_log_message
	remap_struct replace_type setseed sleep_ms pg_sleep stats timetz_byte_comparable txid_current unpivot_list variant_bytes_to_variant variant_normalize
	variant_to_parquet_variant vector_type write_log list_resize array_resize bitstring get_type make_type cast_to_type can_cast_implicitly switch
	get_block_size format printf row_to_variant pg_conf_load_time pg_postmaster_start_time pg_my_temp_schema pg_is_other_temp_schema pg_has_role inet_client_addr inet_client_port
	inet_server_addr inet_server_port has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege has_sequence_privilege
	has_server_privilege has_tablespace_privilege pg_conversion_is_visible pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
	pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
	st_asbinary st_astext st_aswkb st_aswkt st_crs st_geomfromwkb st_intersects_extent st_setcrs icu_sort_key`)

func TestEveryFunctionIsKnown(t *testing.T) {
	t.Parallel()
	s, _ := openAsked(t)
	sql := "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE internal AND function_type IN ('scalar', 'aggregate', 'macro')"
	err := s.Query(t.Context(), sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			name := string(rows[0].Text(i))
			isInternal := strings.HasPrefix(name, "__internal_") || strings.HasPrefix(name, "icu_collate_")
			if refused := neverAsked[name] || isInternal; refused == mayAsk(name) {
				t.Errorf("%s: allowed %v, refused %v", name, mayAsk(name), refused)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzCheckAsked checks that what is accepted is one statement that changes nothing: that is how DuckDB describes a prepared statement.
func FuzzCheckAsked(f *testing.F) {
	for _, sql := range []string{
		"SELECT * FROM orders", "SELECT 1; SELECT 2", "WITH a AS (FROM orders) FROM a;", "FROM 'x.csv'", "SELECT $$;$$", "/*;*/ VALUES (1)", "SHOW TABLES", "DESCRIBE orders", "SUMMARIZE orders", "PIVOT orders ON name IN ('a') USING sum(id)",
		"SELECT getenv('x')", "FROM read_csv('x')", "SELECT E'\\';--' ; SET threads = 1", "CREATE TABLE x (a INT)", "SELECT \"a\"\"b\" FROM orders", "COPY orders TO 'x'", "SELECT 1 -- '\n; DROP TABLE orders",
	} {
		f.Add(sql)
	}
	s, _ := openAsked(f)
	f.Fuzz(func(t *testing.T, sql string) {
		if len(sql) > 1000 {
			return
		}
		if _, err := s.CheckAsked(t.Context(), sql); err != nil {
			var refused *AskError
			if !errors.As(err, &refused) {
				t.Fatalf("%q: %v", sql, err)
			}
			if refused.Place < 0 || refused.Place > len(sql)+1 {
				t.Fatalf("%q: the fault is at %d", sql, refused.Place)
			}
			return
		}
		if n, reads := statements(s, sql); n != 1 || !reads {
			t.Fatalf("%q is accepted: %d statements, reads: %v", sql, n, reads)
		}
	})
}

// statements returns how many statements a text has, and whether the first is a SELECT or cannot be bound.
func statements(s *Session, sql string) (n int, reads bool) {
	var extracted duckdb.ExtractedStatements
	defer duckdb.DestroyExtracted(&extracted)
	n = int(duckdb.ExtractStatements(s.conn, sql, &extracted))
	if n == 0 {
		return 0, false
	}
	var prepared duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&prepared)
	if duckdb.PrepareExtractedStatement(s.conn, extracted, 0, &prepared) != duckdb.StateSuccess {
		return n, true
	}
	return n, duckdb.PreparedStatementType(prepared) == duckdb.StatementTypeSelect
}
