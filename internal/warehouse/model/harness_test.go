// Helpers for tests of models: projects with a warehouse of each kind.

package model_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	"bursar/internal/project/projecttest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/model"
	"bursar/internal/warehouse/pgwarehouse"
)

// setup is a project with a warehouse.
type setup struct {
	t      *testing.T
	kind   string
	db     warehouse.Database
	runner *model.Runner
	clock  time.Time
	files  map[string]string // of the project, beside the models
}

// forEach calls test with an empty warehouse of each kind.
func forEach(t *testing.T, test func(t *testing.T, s *setup)) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := &setup{t: t, kind: kind, clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			var err error
			if kind == "duckdb" {
				s.db, err = duckwarehouse.Open(duckwarehouse.Config{Path: filepath.Join(t.TempDir(), "w.duckdb"), Scratch: t.TempDir(), Memory: "256MB", Threads: 2})
			} else {
				s.db, err = pgwarehouse.Open(t.Context(), postgres.Config{URL: postgrestest.URL(t), Connections: 4})
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.db.Close() })
			test(t, s)
		})
	}
}

// declare makes a runner of models, given by their names without the first line of the header.
func (s *setup) declare(models map[string]string) {
	s.t.Helper()
	files := map[string]string{}
	maps.Copy(files, s.files)
	for _, name := range slices.Sorted(maps.Keys(models)) {
		files["warehouse/"+name+".sql"] = "-- model: " + name + "\n" + models[name]
	}
	p, faults := project.Read(projecttest.Folder(s.t, files))
	if len(faults) > 0 {
		s.t.Fatal(faults)
	}
	p.Config.Warehouse.Kind = s.kind
	s.runner = &model.Runner{
		Project: p, ProjectID: "p", Open: func(context.Context) (warehouse.Database, error) { return s.db, nil },
		Now: func() time.Time { return s.clock }, Duck: duck.Options{Threads: 1},
	}
}

// exec changes the warehouse.
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

// run runs models, which must succeed, an hour after the last run.
func (s *setup) run(names ...string) model.Result {
	s.t.Helper()
	out, err := s.try(model.Options{Names: names})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *setup) try(o model.Options) (model.Result, error) {
	s.clock = s.clock.Add(time.Hour)
	return s.runner.Run(s.t.Context(), o)
}

// want compares the rows of a query, with bars between values.
func (s *setup) want(sql string, want ...string) {
	s.t.Helper()
	var lines []string
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
	if !slices.Equal(lines, want) {
		s.t.Errorf("%s:\n got %q\nwant %q", sql, lines, want)
	}
}

// wantError runs all models and compares the beginning of the error.
func (s *setup) wantError(want string) {
	s.t.Helper()
	if _, err := s.try(model.Options{}); err == nil || !strings.HasPrefix(err.Error(), want) {
		s.t.Errorf("got error\n  %v\nwant\n  %s", err, want)
	}
}

// sales is a table of sales.
var sales = []string{
	"CREATE TABLE sales (country VARCHAR(10), sold DATE, amount DECIMAL(18,2))",
	"INSERT INTO sales VALUES ('UK', '2010-12-01', 10.10), ('UK', '2010-12-05', 0.90), ('FR', '2011-01-02', 5.55), ('UK', '2011-01-03', -1.00)",
}
