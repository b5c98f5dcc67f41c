// Tests of values, types and names.

package warehousetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

var allColumns = []column.Field{
	field("a_string", "string"), field("a_bool", "bool"), field("an_int", "int"), field("a_bigint", "bigint"), field("narrow", "decimal(18,2)"),
	field("wide", "decimal(38,10)"), field("a_date", "date"), field("a_timestamp", "timestamp"), field("a_json", "json"),
}

func values(t *testing.T, open Opener) {
	db := opened(t, open)
	create(t, db, "all_types", allColumns,
		vector("string", "ž 'x' \"y\" \\ \\N \t\r\n, ;", "", nil), vector("bool", 1, 0, nil), vector("int", -7, 0, nil), vector("bigint", 1<<40, 0, nil),
		vector("decimal(18,2)", -1205, 0, nil), vector("decimal(38,10)", decimal.Int128Of(-12345678901), decimal.Int128Of(0), nil),
		vector("date", 20_000, 0, nil), vector("timestamp", 1_700_000_000_123_456, 0, nil),
		vector("json", `{"a": [1.50, "\u00e9\\", null]}`, `"text"`, nil))
	wantRows(t, db, `SELECT a_string, a_bool, an_int, a_bigint, narrow, wide, a_date, a_timestamp FROM all_types ORDER BY an_int`,
		"ž 'x' \"y\" \\ \\N \t\r\n, ;|true|-7|1099511627776|-12.05|-1.2345678901|2024-10-04|2023-11-14T22:13:20.123456Z",
		"|false|0|0|0.00|0.0000000000|1970-01-01|1970-01-01T00:00:00Z", "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL")
	wantRows(t, db, `SELECT count(*) FROM all_types WHERE a_string = '' AND a_json IS NOT NULL`, "1")
	wantRows(t, db, `SELECT sum(narrow) FROM all_types`, "-12.05")
	if got := rows(t, db, `SELECT a_json FROM all_types ORDER BY an_int`); !slices.Equal(got[1:], []string{`"text"`, "NULL"}) ||
		strings.ReplaceAll(got[0], " ", "") != `{"a":[1.50,"é\\",null]}` && strings.ReplaceAll(got[0], " ", "") != `{"a":[1.50,"\u00e9\\",null]}` {
		t.Errorf("the json values are %q", got)
	}
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		return r.Query(ctx, "SELECT * FROM all_types", func(columns []warehouse.Column, rows []column.Vector) error {
			for i, c := range columns {
				if c.Type.String() != allColumns[i].Type.String() || rows[i].Type.String() != c.Type.String() {
					t.Errorf("column %s is a %s in a result, with values of type %s, want %s", c.Name, c.Type, rows[i].Type, allColumns[i].Type)
				}
			}
			return nil
		})
	}))
}

func extremeValues(t *testing.T, open Opener) {
	db := opened(t, open)
	most := new(big.Int).Sub(new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil), big.NewInt(1))
	least := new(big.Int).Neg(most)
	columns := []column.Field{field("i", "int"), field("b", "bigint"), field("n", "decimal(18,18)"), field("w", "decimal(38,0)"), field("d", "date"), field("t", "timestamp")}
	const first, last = -719_162, 2_932_896 // 0001-01-01 and 9999-12-31
	create(t, db, "extremes", columns,
		vector("int", math.MinInt32, math.MaxInt32), vector("bigint", math.MinInt64, math.MaxInt64),
		vector("decimal(18,18)", -(int(1e18)-1), int(1e18)-1),
		vector("decimal(38,0)", decimal.Int128OfBig(least), decimal.Int128OfBig(most)),
		vector("date", first, last), vector("timestamp", first*86_400_000_000, (last+1)*86_400_000_000-1))
	wantRows(t, db, `SELECT * FROM extremes ORDER BY i`,
		fmt.Sprintf("-2147483648|-9223372036854775808|-0.999999999999999999|%s|0001-01-01|0001-01-01T00:00:00Z", least),
		fmt.Sprintf("2147483647|9223372036854775807|0.999999999999999999|%s|9999-12-31|9999-12-31T23:59:59.999999Z", most))
}

// otherTypes reads values whose types are not those of columns.
func otherTypes(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 3, 1, 2)
	wantRows(t, db, "SELECT n, CAST(n AS DOUBLE PRECISION) / 4 AS quarter FROM t ORDER BY n DESC", "3|0.75", "2|0.5", "1|0.25")
	wantRows(t, db, "SELECT 1 AS same, 2 AS same, CAST(0.5 AS DOUBLE PRECISION) AS same", "1|2|0.5")
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		return r.Query(ctx, "SELECT CAST(n AS DOUBLE PRECISION) AS x FROM t", func(columns []warehouse.Column, rows []column.Vector) error {
			if columns[0].Name != "x" || columns[0].Type.Kind != 0 || columns[0].SQL == "" || rows[0].Type.Kind != column.String {
				t.Errorf("the column is %+v, its values have type %s", columns[0], rows[0].Type)
			}
			return nil
		})
	}))
}

func noRows(t *testing.T, open Opener) {
	db := opened(t, open)
	create(t, db, "all_types", allColumns, column.NewVectors(column.Types(allColumns), 0)...)
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		n, err := tx.Append(ctx, "all_types", allColumns, func(func([]column.Vector, error) bool) {})
		if n != 0 {
			t.Errorf("%d rows are appended", n)
		}
		return err
	})
	calls := 0
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		calls = 0
		return r.Query(ctx, "SELECT * FROM all_types", func(columns []warehouse.Column, rows []column.Vector) error {
			if calls++; len(columns) != len(allColumns) || len(rows) != len(columns) || rows[0].Len() != 0 {
				t.Errorf("%d columns, %d vectors", len(columns), len(rows))
			}
			return nil
		})
	}))
	if calls != 1 {
		t.Errorf("the function is called %d times", calls)
	}
}

// manyRows appends more rows than a backend sends at a time.
func manyRows(t *testing.T, open Opener) {
	db := opened(t, open)
	const blocks, size = 50, 7_000
	columns := []column.Field{field("n", "bigint"), field("text", "string")}
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		if err := tx.Create(ctx, "many", columns); err != nil {
			return err
		}
		block := column.NewVectors(column.Types(columns), size)
		_, err := tx.Append(ctx, "many", columns, func(yield func([]column.Vector, error) bool) {
			for b := range blocks {
				for i := range block {
					block[i].Reset()
				}
				for i := range size {
					block[0].AppendInt(int64(b*size + i))
					block[1].AppendText([]byte("row " + strings.Repeat("x", i%40)))
				}
				if !yield(block, nil) {
					return
				}
			}
		})
		return err
	})
	n := int64(blocks * size)
	wantRows(t, db, "SELECT count(*), CAST(sum(n) AS DECIMAL(38,0)), count(DISTINCT n), count(DISTINCT text) FROM many", fmt.Sprintf("%d|%d|%d|40", n, n*(n-1)/2, n))
	next := int64(0)
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		next = 0
		return r.Query(ctx, "SELECT n FROM many ORDER BY n", func(_ []warehouse.Column, rows []column.Vector) error {
			for _, got := range rows[0].Ints {
				if got != next {
					return fmt.Errorf("row %d is %d", next, got)
				}
				next++
			}
			return nil
		})
	}))
	if next != n {
		t.Errorf("%d of %d rows are read", next, n)
	}
}

func names(t *testing.T, open Opener) {
	db := opened(t, open)
	list := []string{"select", "order", "user", "a b", `a"b`, "ž", "a.b", "a'b", "a;b", "_run", "2nd"}
	for _, name := range list {
		create(t, db, name, []column.Field{field(name, "bigint")}, vector("bigint", 1))
		wantRows(t, db, "SELECT "+quoted(db, name)+" FROM "+quoted(db, name), "1")
	}
}

func longNames(t *testing.T, open Opener) {
	db := opened(t, open)
	long := strings.Repeat("abcdefghi_", 20)
	for i, name := range []string{long + "1", long + "2"} {
		create(t, db, name, []column.Field{field(long+"x", "bigint"), field(long+"y", "bigint")}, vector("bigint", i), vector("bigint", 10+i))
	}
	for i, name := range []string{long + "1", long + "2"} {
		wantRows(t, db, "SELECT "+quoted(db, long+"y", long+"x")+" FROM "+quoted(db, name), fmt.Sprintf("%d|%d", 10+i, i))
	}
}

// collidingNames refuses a column that has the name under which another one is stored.
func collidingNames(t *testing.T, open Opener) {
	db := opened(t, open)
	long := strings.Repeat("x", 300)
	if db.Name(long) == long {
		t.Skip("the backend stores every name as it is")
	}
	err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		return tx.Create(ctx, "t", []column.Field{field(long, "int"), field(db.Name(long), "int")})
	})
	if err == nil || !strings.Contains(err.Error(), "rename one") {
		t.Errorf("two columns of one stored name: %v", err)
	}
}

// refusedValues appends values that not every database stores: they arrive unchanged, or the error says which it is.
func refusedValues(t *testing.T, open Opener) {
	db := opened(t, open)
	for i, c := range []struct{ typ, value string }{
		{"string", "a\x00b"}, {"json", `"a\u0000b"`}, {"json", `{"a":[1E9999,"1e999999"],"b":1e20000}`}, {"json", "[" + strings.Repeat("7", 200_000) + "]"}, {"json", `1e-999999999999`},
	} {
		typ, value, table := c.typ, c.value, fmt.Sprintf("t_%d", i)
		columns := []column.Field{field("n", "bigint"), field("x", typ)}
		err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
			if err := tx.Create(ctx, table, columns); err != nil {
				return err
			}
			_, err := tx.Append(ctx, table, columns, once([]column.Vector{vector("bigint", 1, 2), vector(typ, `"x"`, value)}))
			return err
		})
		var refused *warehouse.ValueError
		switch {
		case errors.As(err, &refused):
			if refused.Table != table || refused.Column != "x" || refused.Row != 1 || failure.Of(err) != failure.Data {
				t.Errorf("%s: %+v", typ, refused)
			}
		case err != nil:
			t.Errorf("%s: %v", typ, err)
		default:
			wantRows(t, db, "SELECT x FROM "+table+" WHERE n = 2", value)
		}
	}
}
