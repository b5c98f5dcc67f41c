// Tests of checking a database; benchmarks of both backends.

package pgcatalog

import (
	"context"
	"path/filepath"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

func newSQLite(t testing.TB) *catalog.SQLite {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestCheck(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t), Schema: "project"}
	for _, version := range []int{0, 1} {
		report, err := Check(context.Background(), config)
		if err != nil || report.SchemaVersion != version || len(report.Missing) != 0 {
			t.Errorf("%+v, %v, want version %d", report, err, version)
		}
		mustOpen(t, config)
	}
}

// go test -bench . compares the backends on this machine, both with fsync.
func BenchmarkCatalog(b *testing.B) {
	server := postgrestest.Start(b, postgrestest.Options{})
	for name, c := range map[string]catalog.Catalog{
		"sqlite": newSQLite(b), "postgres": mustOpen(b, postgres.Config{URL: server.Database(b)}),
	} {
		if err := c.Update(context.Background(), put(1000)); err != nil {
			b.Fatal(err)
		}
		for _, work := range []struct {
			name string
			run  func(context.Context, func(catalog.Tx) error) error
			fn   func(catalog.Tx) error
		}{
			{"Update/1 put", c.Update, put(1)},
			{"Update/1 get, 10 puts", c.Update, all(get("k/0001"), put(10))},
			{"View/1 get", c.View, get("k/0500")},
			{"View/10 gets", c.View, all(get("k/0500"), get("k/0501"), get("k/0502"), get("k/0503"), get("k/0504"),
				get("k/0505"), get("k/0506"), get("k/0507"), get("k/0508"), get("k/0509"))},
			{"List/1000", c.View, list},
		} {
			b.Run(work.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if err := work.run(context.Background(), work.fn); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
