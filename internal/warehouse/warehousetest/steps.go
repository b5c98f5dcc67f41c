// What the tests of the suite do with a warehouse.

package warehousetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/decimal"
	"bursar/internal/warehouse"
)

// opened opens an empty warehouse that is closed after the test.
func opened(t *testing.T, open Opener) warehouse.Database {
	t.Helper()
	return openedAt(t, open, t.TempDir())
}

func openedAt(t *testing.T, open Opener, place string) warehouse.Database {
	t.Helper()
	db := open(t, place)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, db warehouse.Database, fn func(ctx context.Context, tx warehouse.Tx) error) {
	t.Helper()
	must(t, db.Write(t.Context(), fn))
}

// create creates a table with rows.
func create(t *testing.T, db warehouse.Database, table string, columns []column.Field, vectors ...column.Vector) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx warehouse.Tx) error {
		if err := tx.Create(ctx, table, columns); err != nil {
			return err
		}
		n, err := tx.Append(ctx, table, columns, once(vectors))
		if err == nil && n != int64(vectors[0].Len()) {
			err = fmt.Errorf("%d of %d rows are appended", n, vectors[0].Len())
		}
		return err
	})
}

// once are rows that are read at once.
func once(vectors []column.Vector) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) { yield(vectors, nil) }
}

// rows returns the result of a query: a line for each row, with values as they are printed, separated by bars.
func rows(t *testing.T, db warehouse.Database, sql string) (lines []string) {
	t.Helper()
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) (err error) {
		lines, err = rowsIn(ctx, r, sql)
		return err
	}))
	return lines
}

func rowsIn(ctx context.Context, r warehouse.Reader, sql string) (lines []string, err error) {
	err = r.Query(ctx, sql, func(columns []warehouse.Column, rows []column.Vector) error {
		if err := column.CheckCount(rows, len(columns)); err != nil {
			return err
		}
		lines = append(lines, printed(rows)...)
		return nil
	})
	return lines, err
}

// printed returns a line for each row.
func printed(rows []column.Vector) (lines []string) {
	for i := range rows[0].Len() {
		values := make([]string, len(rows))
		for j := range rows {
			values[j] = "NULL"
			if !rows[j].IsNull(i) {
				values[j] = string(rows[j].AppendPlain(nil, i))
			}
		}
		lines = append(lines, strings.Join(values, "|"))
	}
	return lines
}

func wantRows(t *testing.T, db warehouse.Database, sql string, want ...string) {
	t.Helper()
	if got := rows(t, db, sql); !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", sql, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func field(name, typ string) column.Field {
	t, err := column.ParseType(typ)
	if err != nil {
		panic(err)
	}
	return column.Field{Name: name, Type: t}
}

// vector returns values of a type; nil is null.
func vector(typ string, values ...any) column.Vector {
	v := column.NewVector(field("", typ).Type, len(values))
	for _, value := range values {
		switch value := value.(type) {
		case nil:
			v.AppendNull()
		case int:
			v.AppendInt(int64(value))
		case int64:
			v.AppendInt(value)
		case decimal.Int128:
			v.AppendWide(value)
		case string:
			v.AppendText([]byte(value))
		}
	}
	return v
}

// quoted joins stored names, quoted.
func quoted(db warehouse.Database, names ...string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = column.QuoteIdentifier(db.Name(name))
	}
	return strings.Join(list, ", ")
}

// numbers are a table of one column, n, with these values.
var numberColumns = []column.Field{field("n", "bigint")}

func createNumbers(t *testing.T, db warehouse.Database, table string, values ...any) {
	t.Helper()
	create(t, db, table, numberColumns, vector("bigint", values...))
}
