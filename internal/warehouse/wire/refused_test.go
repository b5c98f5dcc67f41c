// Tests that nothing but reading tables is possible, by any path: the two protocols, the catalog, and parameters.

package wire

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// refused are statements that read files, settings, secrets or the environment, write, or execute other statements. FILE is a file that exists.
var refused = []string{
	"SELECT * FROM read_text('FILE')", "SELECT * FROM read_csv('FILE')", "SELECT * FROM read_blob('FILE')", "FROM read_json('FILE')", "FROM read_parquet('FILE')", "FROM glob('/*')", "SELECT * FROM 'FILE'", `SELECT * FROM "FILE"`, "FROM sniff_csv('FILE')",
	"COPY orders TO 'FILE'", "COPY orders FROM 'FILE'", "COPY (SELECT 1) TO 'FILE'", "COPY orders TO STDOUT", "COPY orders FROM STDIN", "ATTACH 'FILE' AS x", "DETACH warehouse", "INSTALL httpfs", "LOAD httpfs", "EXPORT DATABASE 'FILE'", "IMPORT DATABASE 'FILE'",
	"SET threads = 8", "SET memory_limit = '1TB'", "SET GLOBAL enable_external_access = true", "SET lock_configuration = false", "RESET threads", "PRAGMA database_list", "PRAGMA threads = 8", "CALL pragma_version()", "USE main", "SHOW DATABASES",
	"SELECT getenv('HOME')", "SELECT current_setting('threads') FROM orders", "FROM duckdb_settings()", "FROM duckdb_secrets()", "FROM duckdb_extensions()", "FROM query('SELECT 1')", "FROM query_table('orders')", "SELECT * FROM which_secret('x', 's3')",
	"INSERT INTO orders (id) VALUES (9)", "UPDATE orders SET id = 9", "DELETE FROM orders", "TRUNCATE orders", "DROP TABLE orders", "CREATE TABLE x (a INTEGER)", "CREATE TEMP TABLE x (a INTEGER)", "ALTER TABLE orders ADD COLUMN x INTEGER", "MERGE INTO orders USING orders b ON true WHEN MATCHED THEN DELETE",
	"CREATE MACRO m() AS 1", "CREATE SECRET s (TYPE s3)", "VACUUM", "CHECKPOINT", "FORCE CHECKPOINT", "COMMENT ON TABLE orders IS 'x'", "GRANT ALL ON orders TO x", "WITH a AS (DELETE FROM orders RETURNING *) SELECT * FROM a", "SELECT nextval('x')", "SELECT setseed(0.5)",
	"PREPARE p AS SELECT 1", "EXECUTE p", "EXPLAIN ANALYZE SELECT 1", "SELECT repeat('x', 2000000000)", "LISTEN x", "DO $$ $$", "LOCK TABLE orders",
	// through the catalog
	"SELECT version(), content FROM read_text('FILE')", "SELECT * FROM pg_catalog.read_text('FILE')", "SELECT pg_read_file('FILE')", "SELECT * FROM information_schema.read_csv('FILE')", "SELECT getenv('HOME') FROM pg_class", "SELECT (SELECT content FROM read_text('FILE')) FROM pg_catalog.pg_class",
	"SELECT * FROM pg_class, 'FILE'", "INSERT INTO pg_class VALUES (1)", "DELETE FROM pg_catalog.pg_class", "SELECT 'FILE'::regclass FROM read_text('FILE')", "SELECT CAST('x' AS pg_catalog.regclass), getenv('HOME')", "SELECT 1 OPERATOR(pg_catalog.+ getenv('HOME') +) 1",
	"SELECT current_setting('threads') FROM duckdb_settings()", "SELECT pg_ls_dir('/')", "FROM system.main.duckdb_settings()", "SELECT * FROM pg_catalog.duckdb_databases", "SELECT pg_terminate_backend(1)", "SELECT lo_import('FILE')", "SELECT set_config('x', getenv('HOME'), false)",
	"SELECT current_user, (FROM query('SELECT 1'))", "SELECT * FROM unnest(pg_ls_dir('/')) x", "SELECT '{a}'::text[], getenv('HOME')", "SELECT system.main.current_setting('extension_directory')", "SELECT main.current_setting('extension_directory'), version()", "SELECT system.pg_catalog.current_setting('extension_directory')",
	"SELECT version(), * FROM system.main.duckdb_settings()", "SELECT relname, current_setting('x', getenv('HOME')) FROM pg_class", "FROM warehouse.pg_catalog.read_text('FILE')",
}

func TestRefused(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	file := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(file, []byte("a,b\nsecret,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			conn := e.connect(t, mode)
			for _, sql := range refused {
				sql = strings.ReplaceAll(sql, "FILE", file)
				rows, err := conn.Query(t.Context(), sql)
				if err == nil {
					for rows.Next() {
						values, _ := rows.Values()
						t.Errorf("%s: a row: %v", sql, values)
					}
					err = rows.Err()
				}
				var reported *pgconn.PgError
				if !errors.As(err, &reported) || reported.Code == "XX000" {
					t.Errorf("%s: %v", sql, err)
				}
			}
			var n int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 3 {
				t.Errorf("afterwards: %d rows, %v", n, err)
			}
			var setting *string // of PostgreSQL, which does not have it
			if err := conn.QueryRow(t.Context(), "SELECT current_setting('threads')").Scan(&setting); err != nil || setting != nil {
				t.Errorf("a setting of DuckDB: %v, %v", setting, err)
			}
		})
	}
	if strings.Contains(e.log.String(), "level=ERROR") {
		t.Error(e.log.String())
	}
}

// TestRefusedParameters gives values that would be SQL.
func TestRefusedParameters(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeExec)
	for _, sql := range []string{"SELECT * FROM read_text($1)", "SELECT getenv($1)", "FROM query($1)", "SELECT current_setting($1) FROM orders", "FROM glob($1)", "SELECT repeat('x', $1)"} {
		_, err := conn.Exec(t.Context(), sql, "1")
		wantCode(t, sql, err, map[bool]string{true: "42000", false: "42501"}[strings.Contains(sql, "repeat")])
	}
	var n int
	for _, value := range []string{"1 OR 1=1", "'; DROP TABLE orders; --", "1) OR (1=1", "getenv('HOME')"} {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders WHERE customer = $1", value).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", value, n, err)
		}
		_, err := conn.Exec(t.Context(), "SELECT count(*) FROM orders WHERE id = $1::INTEGER", value)
		wantCode(t, value, err, "22P02")
	}
}

func TestLongStatement(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeExec)
	_, err := conn.Exec(t.Context(), "SELECT 1 -- "+strings.Repeat("x", maxStatement))
	wantCode(t, "a long statement", err, "54000")
	_, err = conn.Exec(t.Context(), "SELECT $1::text", strings.Repeat("x", maxStatement))
	wantCode(t, "a long value", err, "54000")
	_, err = conn.Exec(t.Context(), "SELECT '"+strings.Repeat("x", maxMessage)+"'")
	wantCode(t, "a long message", err, "08P01")
}
