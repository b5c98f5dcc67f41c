// Keys that differ only in blanks at their end, which Redshift takes for equal.

package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/object"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
)

// TestPublishBlanks publishes artifacts whose keys differ only in blanks, changes one of them, and verifies all tables.
func TestPublishBlanks(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres", "redshift"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			putFile(t, dir, "bursar.yaml", "")
			putFile(t, dir, "streams/visits.yaml", visitsYAML)
			putFile(t, dir, "pipelines/shops.yaml", shopsYAML+"history: true\n")
			a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			p := publisher(t, a)
			switch kind {
			case "postgres":
				a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", postgrestest.URL(t)
			case "redshift":
				objects := object.NewFolder(t.TempDir())
				config := redshift.Config{
					URL: redshifttest.Start(t, objects).URL(), Objects: objects, ObjectsURL: redshifttest.ObjectsURL, CopyRole: redshifttest.CopyRole,
				}
				db, err := redshift.Open(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				p.Open = func(context.Context) (warehouse.Database, error) { return db, nil }
			}
			for _, lines := range []string{
				`{"id":"1","shop":"a","at":"2026-01-01T10:00:00Z","cost":"1.00"}` + "\n" + `{"id":"2","shop":"a ","at":"2026-01-01T10:00:00Z","cost":"2.00"}`,
				`{"id":"3","shop":"a","at":"2026-01-01T10:00:00Z","cost":"3.00"}`,
			} {
				if _, err := a.Ingest(t.Context(), "visits", []string{putFile(t, t.TempDir(), "in.jsonl", lines+"\n")}, intake.Options{}); err != nil {
					t.Fatal(err)
				}
				runAll(t, a, "shops")
				for _, table := range []string{"events_visits", "shops", "shops_history"} {
					if _, err := p.Publish(t.Context(), table); err != nil {
						t.Fatal(err)
					}
					if v, err := p.Verify(t.Context(), table); err != nil || !v.OK {
						t.Errorf("%+v, %v", v, err)
					}
				}
			}
			db, err := p.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for sql, want := range map[string]string{
				"SELECT shop, cost FROM shops ORDER BY cost":                                          "a |2.00,a|4.00",
				"SELECT shop, cost FROM shops_history WHERE valid_to IS NULL ORDER BY cost":           "a |2.00,a|4.00",
				"SELECT shop, cost FROM shops_history WHERE valid_to IS NOT NULL ORDER BY shop, cost": "a|1.00",
			} {
				if got := strings.Join(askIn(t, db, sql), ","); got != want {
					t.Errorf("%s: %s, want %s", sql, got, want)
				}
			}
			err = db.Write(t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE shops SET shop = 'a' WHERE cost = 2.00")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if v, err := p.Verify(t.Context(), "shops"); err != nil || v.Missing != 1 || v.Other != 1 {
				t.Errorf("a key without its blank: %+v, %v", v, err)
			}
		})
	}
}
