// Tests of checking a database; benchmarks of both backends.

package pgcatalog

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

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

// TestOpenExisting opens a catalog to read it, without creating anything.
func TestOpenExisting(t *testing.T) {
	t.Parallel()
	location, ctx := postgrestest.URL(t), t.Context()
	config := postgres.Config{URL: location, Schema: "project"}
	if c, err := OpenExisting(ctx, config); c != nil || err != nil {
		t.Fatalf("without tables: %v, %v", c, err)
	}
	refused := errors.New("not here")
	if _, err := Open(ctx, config, func(context.Context) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a refused catalog: %v", err)
	}
	if n := postgrestest.Number(t, location, "SELECT count(*) FROM pg_namespace WHERE nspname = 'project'"); n > 0 {
		t.Error("the schema was created")
	}
	if err := mustOpen(t, config).Update(ctx, put(3)); err != nil {
		t.Fatal(err)
	}
	c, err := OpenExisting(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Verify(ctx); n != 3 || err != nil {
		t.Errorf("it reads %d documents, %v", n, err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
}

// TestConflict compares what a Claim and a Join would wait for.
func TestConflict(t *testing.T) {
	t.Parallel()
	config, ctx := postgres.Config{URL: postgrestest.URL(t)}, t.Context()
	user, other := mustOpen(t, config), mustOpen(t, config)
	conflicts := func(claim, join bool) { // in the end: the server may notice the end of a session later
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; {
			claiming, joining := other.Conflict(ctx, false), other.Conflict(ctx, true)
			used := (*InUseError)(nil)
			if errors.As(claiming, &used) == claim && errors.As(joining, &used) == join {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("to claim: %v, want an error: %v; to join: %v, want an error: %v", claiming, claim, joining, join)
			}
		}
	}
	conflicts(false, false)
	release, err := user.Claim(ctx, "ingest", 0)
	if err != nil {
		t.Fatal(err)
	}
	conflicts(false, true)
	if err := release(); err != nil {
		t.Fatal(err)
	}
	m, err := user.Join(ctx, "one", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	conflicts(true, false)
	if err := m.Leave(); err != nil {
		t.Error(err)
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
