//go:build linux

// Loads by processes that are killed: whatever was committed, loading again completes it.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
)

// kills is how often a load is killed for each database.
const kills = 12

func TestLoadKilled(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"duckdb", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			dir := loading(t, 0)
			if database == "postgres" {
				file(t, dir, "bursar.yaml", fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t)))
			}
			random := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
			const rows = 2000
			line := `{"id":"` + strings.Repeat("x", 100) + `","user":{"zip":"1"},"more":[1,2,3]}` + "\n"
			for kill := range kills {
				for object := range 20 {
					file(t, dir, fmt.Sprintf("in/%02d-%02d.json", kill, object), strings.Repeat(line, rows))
				}
				cmd := program(t, 0, "load", "--project", dir)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				timer := time.AfterFunc(time.Duration(100+random.IntN(1500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				_ = cmd.Wait() // killed, or not
				timer.Stop()
			}
			must(t, 0, "load", "--project", dir)
			r := loaded(t, must(t, 0, "load", "--json", "--project", dir))
			if r["objects"] != 0.0 || r["known"] != 20.0*kills {
				t.Errorf("loaded %v", r)
			}
			want := fmt.Sprintf("%d %d %d 0", 20*kills*rows, 20*kills, 20*kills*rows)
			if got := clicks(t, dir); got != want {
				t.Errorf("rows, objects, rows in the journal and staged objects are %s, want %s", got, want)
			}
		})
	}
}

// clicks counts what is in the warehouse of a project.
func clicks(t *testing.T, dir string) (counts string) {
	t.Helper()
	a, err := app.Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	db, err := a.Warehouse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const sql = `SELECT count(*), count(DISTINCT _object), (SELECT CAST(sum(row_count) AS BIGINT) FROM bursar_load_objects),
(SELECT count(*) FROM bursar_load_staged) FROM clicks`
	err = db.Read(t.Context(), func(ctx context.Context, r warehouse.Reader) error {
		return r.Query(ctx, sql, func(_ []warehouse.Column, rows []column.Vector) error {
			counts = fmt.Sprint(rows[0].Ints[0], rows[1].Ints[0], rows[2].Ints[0], rows[3].Ints[0])
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return counts
}
