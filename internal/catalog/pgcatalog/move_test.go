// Tests of checking a database, and of moving a project from SQLite to PostgreSQL and back; benchmarks of both.

package pgcatalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
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

func TestCopyThereAndBack(t *testing.T) {
	t.Parallel()
	ctx, first, back := context.Background(), newSQLite(t), newSQLite(t)
	server := mustOpen(t, postgres.Config{URL: postgrestest.URL(t)})
	pairs := []any{"text", "<é&\u2028>", "null", nil, "number", json.Number("1.10"), "a/ÿÿ", 1, "a/\uffff", 2, "a/\U0010ffff", 3}
	for i := range 40 {
		pairs = append(pairs, fmt.Sprintf("large/%02d", i), strings.Repeat("x", 1<<18)) // more than is kept in memory
	}
	catalogtest.Put(t, first, pairs...)
	for _, move := range []struct{ from, to catalog.Catalog }{{first, server}, {server, back}} {
		if n, err := catalog.Copy(ctx, move.from, move.to); n != len(pairs)/2 || err != nil {
			t.Fatalf("copied %d, %v, want %d", n, err, len(pairs)/2)
		}
	}
	if _, err := catalog.Copy(ctx, first, server); !errors.Is(err, catalog.ErrNotEmpty) {
		t.Errorf("to a catalog with documents: %v", err)
	}
	if n, err := server.Verify(ctx); n != len(pairs)/2 || err != nil {
		t.Errorf("verified %d, %v", n, err)
	}
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
