// Tests of what tools send: statements that were recorded from Apache Superset with SQLAlchemy and psycopg2, and from lib/pq.

package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// indexesSQL is what SQLAlchemy 1.4 asks about the indexes of a table.
const indexesSQL = `
              SELECT
                  i.relname as relname,
                  ix.indisunique, ix.indexprs,
                  a.attname, a.attnum, c.conrelid, ix.indkey::varchar,
                  ix.indoption::varchar, i.reloptions, am.amname,
                  pg_get_expr(ix.indpred, ix.indrelid),
                  ix.indnkeyatts as indnkeyatts
              FROM
                  pg_class t
                        join pg_index ix on t.oid = ix.indrelid
                        join pg_class i on i.oid = ix.indexrelid
                        left outer join
                            pg_attribute a
                            on t.oid = a.attrelid and a.attnum = ANY(ix.indkey)
                        left outer join
                            pg_constraint c
                            on (ix.indrelid = c.conrelid and
                                ix.indexrelid = c.conindid and
                                c.contype in ('p', 'u', 'x'))
                        left outer join
                            pg_am am
                            on i.relam = am.oid
              WHERE
                  t.relkind IN ('r', 'v', 'f', 'm', 'p')
                  and t.oid = 16386
                  and ix.indisprimary = 'f'
              ORDER BY
                  t.relname,
                  i.relname
             `

// textRows returns the rows of a statement as texts, with the simple protocol, which psycopg2 uses.
func textRows(t *testing.T, conn *pgx.Conn, sql string) (string, error) {
	t.Helper()
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	var rows []string
	for _, result := range results {
		for _, r := range result.Rows {
			values := make([]string, len(r))
			for i, v := range r {
				if values[i] = string(v); v == nil {
					values[i] = "–"
				}
			}
			rows = append(rows, strings.Join(values, "|"))
		}
	}
	return strings.Join(rows, "; "), err
}

// TestLists compares values with parameters that are lists, whose types the client leaves open or gives.
func TestLists(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, mode := range modes {
		if mode == pgx.QueryExecModeSimpleProtocol {
			continue // it writes lists as texts
		}
		conn := e.connect(t, mode)
		for _, c := range []struct {
			where string
			list  any
			want  int
		}{
			{"customer = ANY($1)", []string{"Ada", "x"}, 1},
			{"id = ANY ( $1 )", []int32{1, 3, 9}, 2},
			{"big = SOME($1)", []int64{9007199254740993}, 1},
			{"id <> ALL($1)", []int32{1}, 2},
			{"day = ANY($1)", []time.Time{time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)}, 1},
			{"id = ANY($1)", []int32{}, 0},
			{"NOT paid = ANY($1)", []bool{false}, 1},
		} {
			var n int
			if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders WHERE "+c.where, c.list).Scan(&n); err != nil || n != c.want {
				t.Errorf("%s: %s: %d, %v, want %d", mode, c.where, n, err, c.want)
			}
		}
		var name string
		if err := conn.QueryRow(t.Context(), "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind = ANY($1) AND c.relname = $2", []string{"r", "v"}, "totals").Scan(&name); err != nil || name != "totals" {
			t.Errorf("%s: the catalog: %q, %v", mode, name, err)
		}
	}
}

// TestDecimalLists reads and compares lists of decimals, with all digits.
func TestDecimalLists(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, mode := range modes {
		conn := e.connect(t, mode)
		var decimals []pgtype.Numeric
		var moments []time.Time
		if err := conn.QueryRow(t.Context(), "SELECT [1.50, -0.01, NULL], [TIMESTAMP '2024-02-29 01:02:03.5']").Scan(&decimals, &moments); err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		var texts []string
		for _, d := range decimals {
			v, _ := d.Value()
			texts = append(texts, fmt.Sprint(v))
		}
		if got := strings.Join(texts, " "); got != "1.50 -0.01 <nil>" || moments[0].Format(time.RFC3339Nano) != "2024-02-29T01:02:03.5Z" {
			t.Errorf("%s: %s, %v", mode, got, moments)
		}
	}
	conn := e.connect(t, pgx.QueryExecModeExec)
	var found int
	const wide = "1234567890123456789012345678.0123456789"
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM orders WHERE wide = ANY($1)", "{"+wide+",1}").Scan(&found); err != nil || found != 1 {
		t.Errorf("a decimal with all digits: %d, %v", found, err)
	}
}

// TestDescriptions shows tables as `bursar query` does, in both protocols.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	for _, mode := range modes {
		conn := e.connect(t, mode)
		for sql, want := range map[string]int{
			"SUMMARIZE totals": 2, "SUMMARIZE public.totals": 2, "SUMMARIZE SELECT 1": 1, "DESCRIBE orders": 19, "DESCRIBE public.orders": 19, "SHOW orders": 19, "SHOW public.totals": 2, "SHOW TABLES": 3, "DESCRIBE SELECT 1": 1,
		} {
			tag, err := conn.Exec(t.Context(), sql)
			if err != nil || tag.RowsAffected() != int64(want) {
				t.Errorf("%s: %s: %s, %v, want %d rows", mode, sql, tag, err, want)
			}
		}
		_, err := conn.Exec(t.Context(), "SHOW nothing")
		wantCode(t, "SHOW of what does not exist", err, "42704")
		_, err = conn.Exec(t.Context(), "SHOW TABLES FROM public")
		wantCode(t, "SHOW TABLES FROM", err, "42501")
	}
}

// supersetStatements are what Apache Superset asks, for a table with the number 16386.
var supersetStatements = []struct{ sql, want string }{
	{"SELECT t.oid, typarray\nFROM pg_type t JOIN pg_namespace ns\n    ON typnamespace = ns.oid\nWHERE typname = 'hstore';\n", ""},
	{"select pg_catalog.version()", "PostgreSQL 15.0 (Bursar warehouse on DuckDB)"},
	{"select current_schema()", "public"},
	{"show transaction isolation level", "repeatable read"},
	{"show standard_conforming_strings", "on"},
	{`set search_path = "public"`, ""},
	{"SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname", "information_schema; public"},
	{"\nSELECT datname FROM pg_database\nWHERE datistemplate = false;\n            ", "warehouse"},
	{"SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind in ('r', 'p') ORDER BY 1", "Odd Name; orders"},
	{"SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('v', 'm')", "totals"},
	{`SELECT a.attname,
              pg_catalog.format_type(a.atttypid, a.atttypmod),
              (
                SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
                FROM pg_catalog.pg_attrdef d
                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
                AND a.atthasdef
              ) AS DEFAULT,
              a.attnotnull,
              a.attrelid as table_oid,
              pgd.description as comment,
              a.attgenerated as generated,
                              (SELECT json_build_object(
                    'always', a.attidentity = 'a',
                    'start', s.seqstart,
                    'increment', s.seqincrement,
                    'minvalue', s.seqmin,
                    'maxvalue', s.seqmax,
                    'cache', s.seqcache,
                    'cycle', s.seqcycle)
                FROM pg_catalog.pg_sequence s
                JOIN pg_catalog.pg_class c on s.seqrelid = c."oid"
                WHERE c.relkind = 'S'
                AND a.attidentity != ''
                AND s.seqrelid = pg_catalog.pg_get_serial_sequence(
                    a.attrelid::regclass::text, a.attname
                )::regclass::oid
                ) as identity_options
            FROM pg_catalog.pg_attribute a
            LEFT JOIN pg_catalog.pg_description pgd ON (
                pgd.objoid = a.attrelid AND pgd.objsubid = a.attnum)
            WHERE a.attrelid = 16386
            AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum LIMIT 2`, "id|integer|–|f|16386|–||–; customer|text|–|f|16386|–||–"},
	{`SELECT a.attname
                FROM pg_attribute a JOIN (
                    SELECT unnest(ix.indkey) attnum,
                           generate_subscripts(ix.indkey, 1) ord
                    FROM pg_index ix
                    WHERE ix.indrelid = 16386 AND ix.indisprimary
                    ) k ON a.attnum=k.attnum
                WHERE a.attrelid = 16386
                ORDER BY k.ord`, ""},
	{`SELECT r.conname,
                pg_catalog.pg_get_constraintdef(r.oid, true) as condef,
                n.nspname as conschema
          FROM  pg_catalog.pg_constraint r,
                pg_namespace n,
                pg_class c

          WHERE r.conrelid = 16386 AND
                r.contype = 'f' AND
                c.oid = confrelid AND
                n.oid = c.relnamespace
          ORDER BY 1`, ""},
	{indexesSQL, ""},
	{`SELECT
                cons.conname as name,
                cons.conkey as key,
                a.attnum as col_num,
                a.attname as col_name
            FROM
                pg_catalog.pg_constraint cons
                join pg_attribute a
                  on cons.conrelid = a.attrelid AND
                    a.attnum = ANY(cons.conkey)
            WHERE
                cons.conrelid = 16386 AND
                cons.contype = 'u'`, ""},
	{`SELECT t.typname as "name",
               -- no enum defaults in 8.4 at least
               -- t.typdefault as "default",
               pg_catalog.pg_type_is_visible(t.oid) as "visible",
               n.nspname as "schema",
               e.enumlabel as "label"
            FROM pg_catalog.pg_type t
                 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                 LEFT JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid
            WHERE t.typtype = 'e'
        ORDER BY "schema", "name", e.oid`, ""},
	{"select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where n.nspname='public' and relname='orders'", "orders"},
	{`SELECT
  DATE_TRUNC('HOUR', moment) + INTERVAL '5 MINUTES' * FLOOR(EXTRACT(MINUTE FROM moment) / 5) AS moment,
  customer AS customer,
  COUNT(*) AS count
FROM public.orders
JOIN (
  SELECT
    customer AS customer__,
    COUNT(*) AS mme_inner__
  FROM public.orders
  WHERE
    moment >= TO_TIMESTAMP('2024-02-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
  GROUP BY
    customer
  ORDER BY
    COUNT(*) DESC
  LIMIT 5
) AS series_limit
  ON customer = customer__
WHERE
  moment >= TO_TIMESTAMP('2024-02-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
  AND moment < TO_TIMESTAMP('2024-03-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
GROUP BY
  DATE_TRUNC('HOUR', moment) + INTERVAL '5 MINUTES' * FLOOR(EXTRACT(MINUTE FROM moment) / 5),
  customer
ORDER BY
  count DESC
LIMIT 1000`, "2024-02-29 23:55:00|Ada|1"},
	{`SELECT
  DATE_TRUNC('MONTH', day) AS day,
  SUM(amount) AS "SUM(amount)"
FROM public.orders
WHERE
  day >= TO_DATE('2024-01-01', 'YYYY-MM-DD')
  AND day < TO_DATE('2024-12-01', 'YYYY-MM-DD')
GROUP BY
  DATE_TRUNC('MONTH', day)
LIMIT 100`, "2024-02-01 00:00:00|12.30"},
	{"SELECT TO_CHAR(moment, 'YYYY-MM-DD HH24:MI'), TO_CHAR(TO_DATE('2024-12-31', 'YYYY-MM-DD'), 'FMDay, FMDD Mon IYYY') FROM orders WHERE id = 1", "2024-02-29 23:59|Tuesday, 31 Dec 2025"},
}

// TestSuperset runs what Superset asks on connecting, about tables, and for charts: with psycopg2, all within a transaction.
func TestSuperset(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeSimpleProtocol)
	if _, err := textRows(t, conn, "BEGIN"); err != nil {
		t.Fatal(err)
	}
	for _, c := range supersetStatements {
		got, err := textRows(t, conn, c.sql)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.sql, got, err, c.want)
		}
	}
}

// TestPlaces reports faults at their places in what the client has sent, where names before them were replaced.
func TestPlaces(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeSimpleProtocol)
	for _, sql := range []string{
		"SELECT 'ü' FROM warehouse.public.orders\nWHERE day > to_date('2024-01-01', 'YYYY-MM-DD') AND nothing = 1",
		"SELECT 1; SELECT 'ü', to_char(moment, 'YYYY') FROM public.orders WHERE nothing > 'ü'",
	} {
		_, err := textRows(t, conn, sql)
		reported := reportedAs(t, sql, err, "42703")
		if want := utf8.RuneCountInString(sql[:strings.Index(sql, "nothing")]) + 1; int(reported.Position) != want {
			t.Errorf("%s: %s at %d, want %d", sql, reported.Message, reported.Position, want)
		}
	}
}
