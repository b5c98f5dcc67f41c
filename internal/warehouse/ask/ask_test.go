// Tests of the limits of answers, and of the names of their columns.

package ask_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/ask"
	"bursar/internal/warehouse/duckwarehouse"
)

func open(t *testing.T) warehouse.Database {
	t.Helper()
	dir := t.TempDir()
	db, err := duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(dir, "warehouse.duckdb"), Scratch: dir, Memory: "300MB", Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func nothing([]ask.Column, []column.Vector) error { return nil }

func TestRows(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, c := range []struct{ there, most, want int64 }{{0, 10, 0}, {10, 0, 10}, {10, 9, 9}, {10, 10, 10}, {10, 11, 10}, {20_000, 8192, 8192}, {20_000, 8193, 8193}, {20_000, 0, 20_000}, {8192, 8192, 8192}} {
		calls, sum, rows := 0, int64(0), int64(0)
		answer, err := ask.Run(t.Context(), db, ask.Question{SQL: fmt.Sprintf("SELECT range AS n FROM range(%d)", c.there), Rows: c.most}, func(_ []ask.Column, vectors []column.Vector) error {
			calls++
			rows += int64(vectors[0].Len())
			for _, n := range vectors[0].Ints {
				sum += n
			}
			return nil
		})
		if err != nil || calls == 0 || answer.Rows != c.want || rows != c.want || sum != c.want*(c.want-1)/2 || answer.Truncated != (c.want < c.there) {
			t.Errorf("%+v: %+v, %d rows, sum %d, %v", c, answer, rows, sum, err)
		}
	}
}

func TestColumnNames(t *testing.T) {
	t.Parallel()
	db := open(t)
	for sql, want := range map[string]string{
		"SELECT 1 AS a, 2 AS a, 3 AS a":                                              "a int, a_2 int, a_3 int",
		"SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a_2":                                  "a int, a_3 int, a_2 int, a_2_2 int",
		"SELECT 1 AS a, 2 AS \"A\"":                                                  "a int, A int",
		"SELECT x.i, y.i FROM range(1) x(i), range(1) y(i)":                          "i bigint, i_2 bigint",
		"SELECT 1.50 AS n, [1] AS l, [1.50] AS m, 0.5::DOUBLE AS d, '{}'::JSON AS j": "n decimal(3,2), l INTEGER[], m DECIMAL(3,2)[], d DOUBLE, j json",
		"DESCRIBE SELECT 1 AS a":                                                     "column_name string, column_type string, null string, key string, default string, extra string",
		"SELECT NULL AS nothing, DATE '2024-02-29' AS d, now() AS at":                "nothing int, d date, at timestamp",
		"SELECT sum(i) AS s, count(*) AS c FROM range(3) t(i) WHERE false":           "s decimal(38,0), c bigint",
	} {
		answer, err := ask.Run(t.Context(), db, ask.Question{SQL: sql}, nothing)
		var got []string
		for _, c := range answer.Columns {
			got = append(got, c.Field.Name+" "+c.Type)
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: %s, %v, want %s", sql, strings.Join(got, ", "), err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	db := open(t)
	var fault *warehouse.StatementError
	if _, err := ask.Run(t.Context(), db, ask.Question{SQL: "SELECT 1 --" + strings.Repeat("x", ask.MaxBytes)}, nothing); !errors.As(err, &fault) || !strings.Contains(err.Error(), "65536 are the most") {
		t.Errorf("a long statement: %v", err)
	}
	for _, sql := range []string{"SELECT TIMESTAMP 'infinity'", "SELECT DATE '-infinity'"} {
		if _, err := ask.Run(t.Context(), db, ask.Question{SQL: sql}, nothing); !errors.Is(err, warehouse.ErrInfinite) || failure.Of(err) != failure.Data {
			t.Errorf("%s: %v", sql, err)
		}
	}
	errOwn := errors.New("own")
	if _, err := ask.Run(t.Context(), db, ask.Question{SQL: "SELECT 1"}, func([]ask.Column, []column.Vector) error { return errOwn }); !errors.Is(err, errOwn) {
		t.Errorf("an error of the caller: %v", err)
	}
}

const long = "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c"

func TestTime(t *testing.T) {
	t.Parallel()
	db := open(t)
	var late *ask.TimeoutError
	if _, err := ask.Run(t.Context(), db, ask.Question{SQL: long, Timeout: 50 * time.Millisecond}, nothing); !errors.As(err, &late) || failure.Of(err) != failure.Data {
		t.Errorf("a long statement: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ask.Run(ctx, db, ask.Question{SQL: long, Timeout: time.Minute}, nothing); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller without time: %v", err)
	}
	if _, err := ask.Run(t.Context(), db, ask.Question{SQL: "SELECT 1"}, nothing); err != nil {
		t.Error(err)
	}
}

// breaking is a warehouse whose connection breaks after some rows, and that repeats the read then.
type breaking struct{ warehouse.Database }

type breakingReader struct{ warehouse.Reader }

var errBroken = failure.Wrap(failure.Transient, errors.New("the connection is broken"))

func (breaking) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	if err := fn(ctx, breakingReader{}); !errors.Is(err, errBroken) {
		return err
	}
	return fn(ctx, breakingReader{})
}

func (breakingReader) Ask(_ context.Context, _ string, each func([]warehouse.Column, []column.Vector) error) error {
	rows := column.NewVector(column.Type{Kind: column.Int}, 1)
	rows.AppendInt(7)
	return errors.Join(each([]warehouse.Column{{Name: "n", Type: rows.Type, SQL: "INTEGER"}}, []column.Vector{rows}), errBroken)
}

// TestRowsAreNotRepeated ends a read that breaks after some rows, as the caller has them.
func TestRowsAreNotRepeated(t *testing.T) {
	t.Parallel()
	rows := 0
	_, err := ask.Run(t.Context(), breaking{}, ask.Question{SQL: "SELECT 1"}, func(_ []ask.Column, vectors []column.Vector) error {
		rows += vectors[0].Len()
		return nil
	})
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "lost while rows were read") || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// failing is a warehouse with a table whose columns cannot be read.
type failing struct{ warehouse.Database }

type failingReader struct{ warehouse.Reader }

var errRefused = failure.Wrap(failure.Data, errors.New("it is refused"))

func (d failing) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	return d.Database.Read(ctx, func(ctx context.Context, r warehouse.Reader) error { return fn(ctx, failingReader{r}) })
}

func (failingReader) Table(_ context.Context, name string) (warehouse.Table, bool, error) {
	return warehouse.Table{Name: name}, true, errRefused
}

// TestTableThatFails does not take a table for a broken view.
func TestTableThatFails(t *testing.T) {
	t.Parallel()
	db := open(t)
	err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE orders (id BIGINT)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if tables, err := ask.Tables(t.Context(), failing{db}); !errors.Is(err, errRefused) {
		t.Errorf("%v, %v", tables, err)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	db := open(t)
	names, err := ask.Names(t.Context(), db)
	if err != nil || len(names) != 0 || ask.HasData(names) {
		t.Errorf("%v, %v", names, err)
	}
	err = db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		for _, sql := range []string{"CREATE TABLE orders (id BIGINT, \"Amount\" DECIMAL(18,2))", "CREATE VIEW a_view AS SELECT 1.5::DOUBLE AS half", "CREATE TABLE bursar_tables (n INT)", "CREATE TABLE bursar_schema (n INT)"} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tables, err := ask.Tables(t.Context(), db)
	if got := fmt.Sprint(tables); err != nil || got != "[{a_view true [{half  DOUBLE}]} {orders false [{id bigint BIGINT} {Amount decimal(18,2) DECIMAL(18,2)}]} {bursar_tables false [{n int INTEGER}]}]" {
		t.Errorf("%s, %v", got, err)
	}
	if names, err := ask.Names(t.Context(), db); err != nil || !ask.HasData(names) {
		t.Errorf("%v, %v", names, err)
	}
	err = db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error { // a view of it has no columns any more
		for _, sql := range []string{"CREATE VIEW broken AS SELECT \"Amount\" FROM orders", "ALTER TABLE orders DROP COLUMN \"Amount\""} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tables, err = ask.Tables(t.Context(), db)
	if got := fmt.Sprint(tables); err != nil || !strings.Contains(got, " {broken true []} {orders false [{id bigint BIGINT}]} ") {
		t.Errorf("%s, %v", got, err)
	}
}
