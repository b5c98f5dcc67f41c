// Helpers for tests of archives: a table in a warehouse of each kind, and a store that fails.

package archive_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/object"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/pgwarehouse"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
)

// setup is a table with rows of three months.
type setup struct {
	t     *testing.T
	kind  string
	db    warehouse.Database
	store *store
	clock time.Time
	table archive.Table
	*archive.Archiver
}

// store is an object store with hooks.
type store struct {
	*object.Folder

	created  func(name string) // after the commit of an object
	read     func()            // before a part of an object is read
	damages  bool              // an object that is written is not what it should be
	attempts int
}

type writer struct {
	object.Writer

	store *store
	name  string
	wrote bool
}

func (s *store) Create(ctx context.Context, name string) (object.Writer, error) {
	s.attempts++
	w, err := s.Folder.Create(ctx, name)
	return &writer{Writer: w, store: s, name: name}, err
}

// OpenSized opens an object when it is read, as a distant store does.
func (s *store) OpenSized(ctx context.Context, name string, size int64) (object.Reader, error) {
	return &distant{size, func() (object.Reader, error) {
		if s.read != nil {
			s.read()
		}
		return s.Folder.OpenSized(ctx, name, size)
	}}, nil
}

type distant struct {
	size int64
	open func() (object.Reader, error)
}

func (d *distant) Size() int64  { return d.size }
func (d *distant) Close() error { return nil }

func (d *distant) ReadAt(b []byte, at int64) (int, error) {
	in, err := d.open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	return in.ReadAt(b, at)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.store.damages && !w.wrote {
		w.wrote = true
		other := slices.Clone(b)
		other[len(other)/2] ^= 1
		return w.Writer.Write(other)
	}
	return w.Writer.Write(b)
}

func (w *writer) Commit() error {
	err := w.Writer.Commit()
	if w.store.created != nil && err == nil {
		w.store.created(w.name)
	}
	return err
}

var columns = []column.Field{
	{Name: "day", Type: column.Type{Kind: column.Date}},
	{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}, Required: true},
	{Name: "order", Type: column.Type{Kind: column.String}},
	{Name: "extra", Type: column.Type{Kind: column.JSON}},
	{Name: "load", Type: column.Type{Kind: column.BigInt}},
}

// forEach calls test with a warehouse of each kind. The objects of a warehouse in DuckDB are copied to where it reads them.
func forEach(t *testing.T, test func(t *testing.T, s *setup)) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres", "redshift"} {
		if kind == "redshift" && testing.Short() { // under the race detector: a server for each test, and the same code as for PostgreSQL
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := &setup{t: t, kind: kind, store: &store{Folder: object.NewFolder(t.TempDir())}, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			warmFolder := filepath.Join(t.TempDir(), "warm")
			var err error
			switch kind {
			case "redshift": // a server that stands for it
				objects := object.NewFolder(t.TempDir())
				s.db, err = redshift.Open(t.Context(), redshift.Config{
					URL: redshifttest.Start(t, objects).URL(), Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
				})
			case "duckdb":
				s.db, err = duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(t.TempDir(), "w.duckdb"), Scratch: t.TempDir(), Memory: "256MB", Threads: 2, Files: warmFolder})
			default:
				s.db, err = pgwarehouse.Open(t.Context(), postgres.Config{URL: postgrestest.URL(t), Connections: 4})
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.db.Close() })
			s.Archiver = &archive.Archiver{
				ProjectID: "p", Objects: s.store, Scratch: t.TempDir(), Duck: duck.Options{Memory: "256MB", Threads: 2}, Now: func() time.Time { return s.clock },
				Open: func(context.Context) (warehouse.Database, error) { return s.db, nil },
			}
			s.table = archive.Table{
				Name: "t", Columns: columns, Source: "load", Totals: []archive.Total{{Name: "amount", Sum: "amount"}, {Name: "by_order", Sum: "amount", By: "order"}},
				Declared: &project.Archive{Column: "day", By: project.ArchiveByMonth, Cold: project.Age{Years: 1}},
			}
			if kind == "duckdb" {
				s.Copies = archive.Downloaded(warmFolder, s.store)
				s.table.Declared.Warm = project.Age{Days: 30}
			}
			s.exec(`CREATE TABLE t (day DATE, amount DECIMAL(18,2), "order" ` + s.db.Type(column.Type{Kind: column.String}) + `, extra ` + s.db.Type(column.Type{Kind: column.JSON}) + `, load BIGINT)`)
			s.insert("2024-01-31|1.10|a|1", "2024-02-01|2.20|b|1", "2024-02-29|-3.30|a|2", "2024-03-01|4.40|b|3", "|5.50|a|3")
			test(t, s)
		})
	}
}

func (s *setup) exec(statements ...string) {
	s.t.Helper()
	err := s.db.Write(s.t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *setup) insert(rows ...string) {
	s.t.Helper()
	for _, row := range rows {
		v := strings.Split(row, "|")
		day := "NULL"
		if v[0] != "" {
			day = "DATE '" + v[0] + "'"
		}
		s.exec(fmt.Sprintf(`INSERT INTO t VALUES (%s, %s, '%s', '{"n": [1, "é"]}', %s)`, day, v[1], v[2], v[3]))
	}
}

// ask returns the rows of a query, values separated by bars.
func (s *setup) ask(sql string) (lines []string) {
	s.t.Helper()
	err := s.db.Read(s.t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		lines = nil
		return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
			for i := range rows[0].Len() {
				var values []string
				for c := range rows {
					values = append(values, string(rows[c].AppendPlain(nil, i)))
				}
				lines = append(lines, strings.Join(values, "|"))
			}
			return nil
		})
	})
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return lines
}

func (s *setup) want(sql string, want ...string) {
	s.t.Helper()
	if got := s.ask(sql); !slices.Equal(got, want) {
		s.t.Errorf("%s:\n got %q\nwant %q", sql, got, want)
	}
}

// limits move everything before a day: to warm where there is such a tier.
func limits(until string) archive.Limits {
	day, _ := time.Parse(time.DateOnly, until)
	return archive.Limits{Hot: day}
}

func (s *setup) plan(l archive.Limits) []archive.Move {
	s.t.Helper()
	moves, err := s.Plan(s.t.Context(), s.table, l)
	if err != nil {
		s.t.Fatal(err)
	}
	return moves
}

// all makes all moves that are due.
func (s *setup) all(l archive.Limits) (done []archive.Moved) {
	s.t.Helper()
	for _, m := range s.plan(l) {
		moved, err := s.Do(s.t.Context(), s.table, m)
		if err != nil {
			s.t.Fatal(err)
		}
		done = append(done, moved)
	}
	return done
}

func (s *setup) restore(to archive.Tier) {
	s.t.Helper()
	moves, err := s.PlanRestore(s.t.Context(), "t", archive.Period{Until: s.clock.AddDate(1, 0, 0)}, to, time.Time{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range moves {
		if _, err := s.Restore(s.t.Context(), s.table, m); err != nil {
			s.t.Fatal(err)
		}
	}
}

// objects lists the objects of the archive.
func (s *setup) objects() int {
	s.t.Helper()
	names, err := s.store.List(s.t.Context(), archive.Folder)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(names)
}

func (s *setup) sweep() {
	s.t.Helper()
	if _, err := s.Sweep(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}
