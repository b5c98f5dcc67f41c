// Tests of transactions.

package warehousetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

var errTest = errors.New("test")

// everything makes every kind of change to a warehouse that has the tables t and u.
func everything(ctx context.Context, tx warehouse.Tx) error {
	if err := tx.Create(ctx, "new", numberColumns); err != nil {
		return err
	}
	if _, err := tx.Append(ctx, "new", numberColumns, once([]column.Vector{vector("bigint", 7)})); err != nil {
		return err
	}
	if err := tx.AddColumns(ctx, "t", []column.Field{field("more", "string")}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE t SET n = n + 100"); err != nil {
		return err
	}
	return tx.Replace(ctx, "u", "new")
}

func failedWrite(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	createNumbers(t, db, "u", 2)
	err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		if err := everything(ctx, tx); err != nil {
			return err
		}
		got, err := rowsIn(ctx, tx, "SELECT t.n, u.n, t.more FROM t, u")
		if err != nil || strings.Join(got, ",") != "101|7|NULL" {
			t.Errorf("the transaction reads %v (%v)", got, err)
		}
		return errTest
	})
	if !errors.Is(err, errTest) {
		t.Errorf("the error is %v", err)
	}
	wantRows(t, db, "SELECT * FROM t", "1")
	wantRows(t, db, "SELECT * FROM u", "2")
	if _, found := table(t, db, "new"); found {
		t.Error("the new table is there")
	}
	write(t, db, everything)
	wantRows(t, db, "SELECT t.n, u.n, t.more FROM t, u", "101|7|NULL")
}

// failingRows appends rows whose source fails after some, and then continues with other transactions.
func failingRows(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Append(ctx, "t", numberColumns, func(yield func([]column.Vector, error) bool) {
			if yield([]column.Vector{vector("bigint", 2, 3)}, nil) {
				yield(nil, errTest)
			}
		})
		return err
	})
	if !errors.Is(err, errTest) {
		t.Errorf("the error is %v", err)
	}
	wantRows(t, db, "SELECT n FROM t", "1")
}

func lasts(t *testing.T, open Opener) {
	place := t.TempDir()
	db := open(t, place)
	createNumbers(t, db, "t", 1)
	createNumbers(t, db, "u", 2)
	write(t, db, everything)
	must(t, db.Close())
	wantRows(t, openedAt(t, open, place), "SELECT t.n, u.n, t.more FROM t, u", "101|7|NULL")
}

// writesTakeTurns adds to a number in many transactions at the same time: none is lost.
func writesTakeTurns(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 0)
	const writers, each = 4, 5
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				err := db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
					n, err := tx.Exec(ctx, "UPDATE t SET n = n + 1")
					if err == nil && n != 1 {
						t.Errorf("%d rows are changed", n)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	wantRows(t, db, "SELECT n FROM t", "20")
}

// readIsOneState writes while a read is open.
func readIsOneState(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	createNumbers(t, db, "u", 1)
	must(t, db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		before, err := rowsIn(ctx, r, "SELECT n FROM t")
		if err != nil {
			return err
		}
		err = db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
			for _, name := range []string{"t", "u"} {
				if _, err := tx.Exec(ctx, "UPDATE "+name+" SET n = n + 1"); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after, err := rowsIn(ctx, r, "SELECT n FROM u")
		if err == nil && before[0] != after[0] {
			t.Errorf("one read sees %v and %v", before, after)
		}
		return err
	}))
}

func readWritesNothing(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	for _, sql := range []string{"UPDATE t SET n = 2", "CREATE TABLE v (a INT)", "DROP TABLE t"} {
		err := db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
			return r.Query(ctx, sql, func([]warehouse.Column, []column.Vector) error { return nil })
		})
		if err == nil {
			t.Errorf("%s: a read has done it", sql)
		}
	}
	wantRows(t, db, "SELECT n FROM t", "1")
}

func cancelled(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE t SET n = 2")
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before the commit: %v", err)
	}
	if err := db.Read(ctx, func(context.Context, warehouse.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a read after that: %v", err)
	}
	wantRows(t, db, "SELECT n FROM t", "1")
	createNumbers(t, db, "u", 2)
}

// cancelledRows cancels a Write while it appends rows without end: the rows have ended when it returns.
func cancelledRows(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	ctx, cancel := context.WithCancel(t.Context())
	running := 0
	err := db.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Append(ctx, "t", numberColumns, func(yield func([]column.Vector, error) bool) {
			running++
			defer func() { running-- }()
			for n := 0; yield([]column.Vector{vector("bigint", n, n)}, nil); n++ {
				if n == 100 {
					cancel()
				}
			}
		})
		return err
	})
	cancel()
	if !errors.Is(err, context.Canceled) || running != 0 {
		t.Errorf("%d iterators are running after %v", running, err)
	}
	wantRows(t, db, "SELECT n FROM t", "1")
}

// errorsNameTheCause checks the errors of SQL: the same statement fails again.
func errorsNameTheCause(t *testing.T, open Opener) {
	db := opened(t, open)
	createNumbers(t, db, "t", 1)
	for sql, want := range map[string]string{"SELECT missing_column FROM t": "missing_column", "SELECT 1 FROM missing_table": "missing_table", "SELEC 1": "SELEC"} {
		err := db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
			_, err := rowsIn(ctx, r, sql)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), want) || failure.Of(err) != failure.Data {
			t.Errorf("%s: %v, class %s", sql, err, failure.Of(err))
		}
	}
	wantRows(t, db, "SELECT n FROM t", "1")
}
