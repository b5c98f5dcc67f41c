// Tests of moves between tiers, and of what happens when they are disturbed.

package archive_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/duckwarehouse"
)

const (
	hotSQL     = `SELECT day, amount, "order", load FROM t ORDER BY day, amount`
	journalSQL = "SELECT first_day, part, tier, row_count, first_source, last_source FROM bursar_archive ORDER BY first_day, part"
)

var everything = []string{"2024-01-31|1.10|a|1", "2024-02-01|2.20|b|1", "2024-02-29|-3.30|a|2", "2024-03-01|4.40|b|3", "|5.50|a|3"}

// TestMoves moves periods down and up again. Rows without a day stay.
func TestMoves(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		done := s.all(limits("2024-03-15"))
		if len(done) != 2 || done[0].Rows != 1 || done[1].Rows != 2 || done[1].Period.String() != "2024-02" || done[0].Bytes == 0 {
			t.Errorf("%+v", done)
		}
		s.want(hotSQL, everything[3:]...)
		tier, visible := "warm", everything
		if s.kind != "duckdb" {
			tier, visible = "cold", everything[3:]
		}
		s.want(journalSQL, "2024-01-01|1|"+tier+"|1|1|1", "2024-02-01|1|"+tier+"|2|1|2")
		s.want(strings.Replace(hotSQL, "FROM t", "FROM t_all", 1), visible...)
		s.want(`SELECT count(*) FROM t_all WHERE CAST(extra AS VARCHAR) LIKE '%é%'`, map[string]string{"warm": "5", "cold": "2"}[tier])
		if again := s.plan(limits("2024-03-15")); len(again) > 0 {
			t.Errorf("is to be moved again: %+v", again)
		}
		s.insert("2024-02-10|7.70|c|4")
		s.all(limits("2024-03-15"))
		s.want(journalSQL, "2024-01-01|1|"+tier+"|1|1|1", "2024-02-01|1|"+tier+"|2|1|2", "2024-02-01|2|"+tier+"|1|4|4")
		s.all(archive.Limits{Warm: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)})
		s.want("SELECT DISTINCT tier FROM bursar_archive", "cold")
		s.want("SELECT count(*) FROM t_all", "2")
		if s.kind == "duckdb" {
			s.restore(archive.Warm)
			s.want("SELECT count(*), sum(amount) FROM t_all", "6|17.60")
		}
		s.restore(archive.Hot)
		s.want("SELECT count(*) FROM bursar_archive", "0")
		s.want("SELECT count(*), sum(amount) FROM t", "6|17.60")
		s.want("SELECT count(*), sum(amount) FROM t_all", "6|17.60")
		s.sweep()
		if s.objects() == 0 {
			t.Error("objects are gone that a query may be reading")
		}
		s.clock = s.clock.Add(time.Hour)
		s.sweep()
		if n := s.objects(); n > 0 {
			t.Errorf("%d objects remain", n)
		}
		s.want("SELECT count(*) FROM bursar_archive_dropped", "0")
	})
}

// TestAges moves what has the declared age.
func TestAges(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		for _, c := range []struct{ now, want string }{
			{"2024-02-29", ""}, {"2024-03-02", "warm"}, {"2025-01-31", "warm warm warm"}, {"2025-02-01", "cold warm warm"}, {"2026-01-01", "cold cold cold"},
		} {
			now, _ := time.Parse(time.DateOnly, c.now)
			var got []string
			for _, m := range s.plan(s.table.Limits(now)) {
				got = append(got, string(m.To))
			}
			want := c.want
			if s.kind != "duckdb" {
				want = strings.TrimSpace(strings.ReplaceAll(want+" ", "warm ", ""))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("on %s: %v, want %s", c.now, got, want)
			}
		}
	})
}

// TestDamagedCopy keeps the rows whose copy is not what was written.
func TestDamagedCopy(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.store.damages = true
		for _, m := range s.plan(limits("2024-03-15")) {
			if _, err := s.Do(t.Context(), s.table, m); !object.IsDamage(err) {
				t.Errorf("a damaged copy: %v", err)
			}
		}
		s.want(hotSQL, everything...)
		s.store.damages = false
		s.all(limits("2024-03-15"))
		s.sweep()
		if n := s.objects(); n != 2 {
			t.Errorf("there are %d objects, want those of 2 parts", n)
		}
	})
}

// TestChangedMeanwhile changes rows, or removes the object, between the copy and the transaction.
func TestChangedMeanwhile(t *testing.T) {
	for name, change := range map[string]string{
		"a row more":     "INSERT INTO t VALUES (DATE '2024-01-05', 1, 'z', NULL, 9)",
		"another value":  `UPDATE t SET "order" = 'y' WHERE day = DATE '2024-01-31'`,
		"a row less":     "DELETE FROM t WHERE day = DATE '2024-01-31'",
		"another amount": "UPDATE t SET amount = amount + 0.01 WHERE day = DATE '2024-01-31'",
		"no object":      "",
	} {
		t.Run(name, func(t *testing.T) {
			forEach(t, func(t *testing.T, s *setup) {
				m := s.plan(limits("2024-02-01"))[0]
				m.To = archive.Cold
				before := s.ask("SELECT count(*) FROM t")
				var object string
				s.store.created = func(name string) { object = name }
				db := s.db
				s.db = &interfering{db, func() {
					if s.db = db; change == "" {
						_ = s.store.Delete(t.Context(), object)
						return
					}
					s.exec(change)
					before = s.ask("SELECT count(*) FROM t")
				}}
				if _, err := s.Do(t.Context(), s.table, m); failure.Of(err) != failure.Transient {
					t.Errorf("class %v: %v", failure.Of(err), err)
				}
				s.want("SELECT count(*) FROM t", before...)
				if _, err := s.Do(t.Context(), s.table, m); err != nil {
					t.Error(err)
				}
				s.want("SELECT count(*) FROM t WHERE day < DATE '2024-02-01'", "0")
			})
		})
	}
}

// interfering does something before a transaction that writes.
type interfering struct {
	warehouse.Database

	before func()
}

func (d *interfering) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	d.before()
	return d.Database.Write(ctx, fn)
}

// unknown reports of each transaction that its outcome is unknown.
type unknown struct{ warehouse.Database }

func (u unknown) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	return errors.Join(u.Database.Write(ctx, fn), failure.Wrap(failure.Transient, warehouse.ErrOutcomeUnknown))
}

// TestTwoWarehouses archives in one warehouse while the objects of another one are in the same store: the project had that one before.
func TestTwoWarehouses(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-03-15"))
		parts, err := s.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		first, archiver := *s, *s.Archiver
		db, err := duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(t.TempDir(), "other.duckdb"), Scratch: t.TempDir(), Memory: "256MB", Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s.db, s.Archiver = db, &archiver
		s.Open = func(context.Context) (warehouse.Database, error) { return db, nil }
		s.exec(`CREATE TABLE t (day DATE, amount DECIMAL(18,2), "order" VARCHAR, extra JSON, load BIGINT)`)
		s.insert("2024-01-01|1.00|a|1")
		declared := *s.table.Declared
		declared.Warm = project.Age{}
		s.table.Declared, s.Copies = &declared, nil
		s.all(limits("2024-03-15"))
		s.clock = s.clock.Add(time.Hour)
		s.sweep()
		err = first.Verify(t.Context(), parts, func(c archive.Checked) {
			if !c.OK {
				t.Errorf("%s: %s", c.Period, c.Error)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestLostCopy removes the local copy of a warm object before it is recorded, as a command that removes what is not needed may do.
func TestLostCopy(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		if s.kind != "duckdb" {
			return
		}
		db := s.db
		s.db = &interfering{db, func() { _ = s.Copies.Keep(nil) }}
		if done := s.all(limits("2024-02-01")); len(done) != 1 {
			t.Errorf("%+v", done)
		}
		s.db = db
		s.want(strings.Replace(hotSQL, "FROM t", "FROM t_all", 1), everything...)
	})
}

// TestCopies makes copies while one object is missing, and while another command removes what it does not need.
func TestCopies(t *testing.T) {
	t.Parallel()
	s := &store{Folder: object.NewFolder(t.TempDir())}
	list := []object.Description{{Name: "a", Bytes: 1, Digest: "x"}}
	for _, name := range []string{"b", "c"} {
		w, err := object.CreateDescribed(t.Context(), s, name)
		if err == nil {
			_, err = w.Write([]byte(name))
		}
		if err == nil {
			err = w.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, w.Description)
	}
	copies := archive.Downloaded(t.TempDir(), s)
	if err := copies.Fill(t.Context(), list[:2]); !object.IsDamage(err) {
		t.Errorf("without an object: %v", err)
	}
	if _, err := os.Stat(copies.Path(list[1])); err != nil {
		t.Errorf("another object: %v", err)
	}
	s.read = func() { _ = copies.Keep(list[:2]) }
	if err := copies.Fill(t.Context(), list[2:]); failure.Of(err) != failure.Transient || object.IsDamage(err) {
		t.Errorf("removed meanwhile: class %s: %v", failure.Of(err), err)
	}
	s.read = nil
	if err := copies.Fill(t.Context(), list[1:]); err != nil {
		t.Error(err)
	}
}

// TestUnknownOutcome repeats moves after commits whose answers were lost.
func TestUnknownOutcome(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.insert("2023-01-31|9|z|1")
		s.all(limits("2023-02-15")) // gives the warehouse its identity
		db := s.db
		do := func(m archive.Move, move func(context.Context, archive.Table, archive.Move) (archive.Moved, error)) {
			s.db = unknown{db}
			if _, err := move(t.Context(), s.table, m); !errors.Is(err, warehouse.ErrOutcomeUnknown) {
				t.Error(err)
			}
			s.db = db
			if moved, err := move(t.Context(), s.table, m); err != nil || moved.Rows != 0 {
				t.Errorf("again: %+v, %v", moved, err)
			}
		}
		for _, m := range s.plan(limits("2024-03-15")) {
			do(m, s.Do)
		}
		s.want(hotSQL, everything[3:]...)
		within := archive.Period{First: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Until: s.clock}
		moves, err := s.PlanRestore(t.Context(), "t", within, archive.Hot, time.Time{})
		if err != nil || len(moves) != 2 {
			t.Fatalf("%+v, %v", moves, err)
		}
		for _, m := range moves {
			do(m, s.Restore)
		}
		s.want(hotSQL, everything...)
	})
}

// TestSource restores the parts that may have rows of a load, and no others.
func TestSource(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-04-01"))
		restore := func(numbers ...uint64) {
			err := s.db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
				_, err := s.RestoreSource(ctx, s.db, tx, s.table, numbers)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		restore(4)
		s.want("SELECT count(*) FROM bursar_archive", "3")
		restore(2)
		s.want("SELECT first_day FROM bursar_archive ORDER BY 1", "2024-01-01", "2024-03-01")
		restore(1, 3)
		s.want(hotSQL, everything...)
	})
}

// TestKept does not archive what was restored, for a while.
func TestKept(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-03-15"))
		february, _ := archive.ParsePeriod("2024-02")
		moves, err := s.PlanRestore(t.Context(), "t", february, archive.Hot, s.clock.AddDate(0, 0, 7))
		if err != nil || len(moves) != 1 {
			t.Fatalf("%+v, %v", moves, err)
		}
		if _, err := s.Restore(t.Context(), s.table, moves[0]); err != nil {
			t.Fatal(err)
		}
		if due := s.plan(limits("2024-03-15")); len(due) > 0 {
			t.Errorf("is moved again at once: %+v", due)
		}
		forced := limits("2024-03-15")
		forced.Kept = true
		if due := s.plan(forced); len(due) != 1 {
			t.Errorf("what is asked for is not moved: %+v", due)
		}
		s.clock = s.clock.AddDate(0, 0, 8)
		if due := s.plan(limits("2024-03-15")); len(due) != 1 {
			t.Errorf("after a week: %+v", due)
		}
	})
}

// TestLaterColumn archives, and restores into a table that has got a column since.
func TestLaterColumn(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-03-15"))
		s.exec("ALTER TABLE t ADD COLUMN remark BIGINT")
		s.table.Columns = append(s.table.Columns[:len(columns):len(columns)], columns[4])
		s.table.Columns[len(columns)].Name = "remark"
		s.insertRemark("2024-02-02")
		s.all(limits("2024-03-15"))
		if s.kind == "duckdb" {
			s.want("SELECT day, remark FROM t_all WHERE day < DATE '2024-03-01' ORDER BY day", "2024-01-31|", "2024-02-01|", "2024-02-02|7", "2024-02-29|")
		}
		s.restore(archive.Hot)
		s.want("SELECT day, remark FROM t WHERE day < DATE '2024-03-01' ORDER BY day", "2024-01-31|", "2024-02-01|", "2024-02-02|7", "2024-02-29|")
	})
}

func (s *setup) insertRemark(day string) {
	s.exec("INSERT INTO t VALUES (DATE '" + day + "', 1, 'r', NULL, 5, 7)")
}

// TestForeign refuses the journal of another project.
func TestForeign(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-03-15"))
		s.ProjectID = "q"
		if _, err := s.List(t.Context()); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "of another project") {
			t.Error(err)
		}
		if _, err := s.Sweep(t.Context()); err == nil || s.objects() != 2 {
			t.Errorf("%d objects, %v", s.objects(), err)
		}
	})
}

// TestAbsent says what a statement does not see.
func TestAbsent(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-02-01"))
		s.exec("CREATE VIEW v AS SELECT amount FROM t_all", "CREATE VIEW w AS SELECT amount FROM v")
		warm := s.kind == "duckdb"
		for sql, want := range map[string]string{
			"SELECT * FROM T": "lacks 1 rows of 2024-01, which are " + map[bool]string{true: "warm: read the view t_all", false: "cold: `bursar restore t --from 2024-01-01 --to 2024-01-31`"}[warm],
			"SELECT * FROM w": map[bool]string{true: "", false: "t_all lacks 1 rows of 2024-01, which are cold"}[warm],
			"SELECT 1":        "",
		} {
			err := s.db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
				list, err := archive.AbsentIn(ctx, s.db, r, sql)
				if got := ""; len(list) > 0 || want != "" {
					for _, a := range list {
						got += a.String()
					}
					if want == "" && got != "" || !strings.Contains(got, want) || len(list) > 1 {
						t.Errorf("%s: %q, want %q", sql, got, want)
					}
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPeriods reads and prints periods.
func TestPeriods(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2010", "2010-12", "2010-12-31", "2024-02-29", "2024-02"} {
		p, err := archive.ParsePeriod(text)
		if err != nil || p.String() != text || !p.First.Before(p.Until) {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "2010-13", "2010-02-30", "x", "2010-1"} {
		if _, err := archive.ParsePeriod(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// TestMoveWhileRead moves what a transaction reads: it neither waits, nor sees anything of that.
func TestMoveWhileRead(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.all(limits("2024-02-01"))
		before := s.ask("SELECT count(*), sum(amount) FROM t_all")
		read := func(ctx context.Context, r warehouse.Reader) (line string, err error) {
			return line, r.Query(ctx, "SELECT count(*), sum(amount) FROM t_all", func(_ []warehouse.Column, rows []column.Vector) error {
				line = string(rows[0].AppendPlain(nil, 0)) + "|" + string(rows[1].AppendPlain(nil, 0))
				return nil
			})
		}
		err := s.db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
			first, err := read(ctx, r)
			if err != nil {
				return err
			}
			s.all(limits("2024-03-15"))
			s.all(archive.Limits{Warm: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)})
			s.sweep()
			second, err := read(ctx, r)
			if first != before[0] || second != first {
				t.Errorf("one transaction reads %s and then %s, want %s", first, second, before[0])
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		s.want("SELECT count(*) FROM t_all", "2")
	})
}
