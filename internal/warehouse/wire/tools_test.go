// Tests of what tools send: statements that were recorded from Apache Superset with SQLAlchemy and psycopg2, and from lib/pq.

package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

func TestSuperset(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	conn := e.connect(t, pgx.QueryExecModeSimpleProtocol)
	for _, c := range []struct{ sql, want string }{
		{indexesSQL, ""},
	} {
		if got, err := textRows(t, conn, c.sql); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.sql, got, err, c.want)
		}
	}
}
