// Tests of incremental models.

package model_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/warehouse"
	"bursar/internal/warehouse/model"
)

const monthly = `-- materialize: incremental
-- key: [country]
-- tests: [{balanced: {sum: total, equals: "SELECT sum(amount) FROM events_sales"}}]
SELECT country, sum(amount) AS total, count(*) AS n FROM events_sales
WHERE country IN (SELECT country FROM events_sales WHERE _batch > :after_events_sales)
GROUP BY country`

// publishSales makes a table as if batches were published into it, with as much of a record as models read.
func (s *setup) publishSales(through, retraction int, rows ...string) {
	s.t.Helper()
	err := s.db.Write(s.t.Context(), func(ctx context.Context, tx warehouse.Tx) error {
		for _, table := range []string{"events_sales", "bursar_tables"} {
			if err := tx.Drop(ctx, table); err != nil {
				return err
			}
		}
		for _, sql := range []string{
			"CREATE TABLE bursar_tables (table_name VARCHAR(50), through BIGINT, retraction BIGINT)",
			fmt.Sprintf("INSERT INTO bursar_tables VALUES ('events_sales', %d, %d)", through, retraction),
			"CREATE TABLE events_sales (country VARCHAR(10), amount DECIMAL(18,2), _batch BIGINT)",
			"INSERT INTO events_sales VALUES " + strings.Join(rows, ", "),
		} {
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

func TestIncremental(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.declare(map[string]string{"monthly": monthly, "next": "-- materialize: incremental\n-- key: country\nSELECT country, total, :last_run AS since FROM monthly WHERE :last_run IS NULL OR country = 'UK'"})
		s.publishSales(1, 0, "('UK', 1, 1)", "('FR', 2, 1)")
		if out := s.run(); !out.Models[0].Full || out.Models[0].Reason != "" {
			t.Errorf("%+v", out.Models)
		}
		s.exec("UPDATE monthly SET n = 77 WHERE country = 'FR'") // shows that the row stays

		s.publishSales(2, 0, "('UK', 1, 1)", "('FR', 2, 1)", "('UK', 0.5, 2)", "('DE', 4, 2)")
		if m := s.run().Models[0]; m.Full || *m.Added != 1 || *m.Replaced != 1 || *m.Rows != 3 {
			t.Errorf("%+v", m)
		}
		s.want("SELECT country, total, n FROM monthly ORDER BY 1", "DE|4.00|1", "FR|2.00|77", "UK|1.50|2")
		s.want("SELECT country, total, since FROM next ORDER BY 1", "FR|2.00|", "UK|1.50|2026-01-01T01:00:00Z")
		if m := s.run("monthly").Models[0]; m.Full || *m.Added != 0 || *m.Replaced != 0 {
			t.Errorf("%+v", m)
		}

		s.declare(map[string]string{"monthly": monthly + " HAVING count(*) > 0", "next": "-- materialize: incremental\n-- key: country\nSELECT country, total, :last_run AS since FROM monthly"})
		if m := s.run().Models[0]; m.Full || !m.Changed {
			t.Errorf("%+v", m)
		}
		s.publishSales(3, 1, "('UK', 1, 1)", "('UK', 0.5, 2)", "('DE', 4, 2)")
		out := s.run()
		if !out.Models[0].Full || !strings.Contains(out.Models[0].Reason, "retracted") || !out.Models[1].Full || !strings.Contains(out.Models[1].Reason, "retracted") {
			t.Errorf("%+v", out.Models)
		}
		s.want("SELECT country, total, n FROM monthly ORDER BY 1", "DE|4.00|1", "UK|1.50|2")

		s.declare(map[string]string{"monthly": strings.Replace(monthly, "count(*) AS n", "count(*) AS number", 1)})
		s.wantError("warehouse/monthly.sql:1: the columns of incremental model monthly are (country ")
		if _, err := s.try(model.Options{Full: true}); err != nil {
			t.Fatal(err)
		}
		s.want("SELECT country, total, number FROM monthly ORDER BY 1", "DE|4.00|1", "UK|1.50|2")
	})
}

// TestChanged says that nothing has changed after a run of all models, and that a model has which reads one that was run without it.
func TestChanged(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		want := func(want bool) {
			t.Helper()
			if changed, err := s.runner.Changed(t.Context()); err != nil || changed != want {
				t.Errorf("changed: %t, %v; want %t", changed, err, want)
			}
		}
		declare := func(factor string) {
			s.declare(map[string]string{"a": "SELECT amount * " + factor + " AS amount FROM events_sales", "b": "SELECT sum(amount) AS total FROM a"})
		}
		s.publishSales(1, 0, "('UK', 1, 1)")
		declare("1")
		s.run()
		want(false)
		declare("2")
		want(true)
		s.run("a")
		want(true)
		s.run()
		want(false)
		s.want("SELECT total FROM b", "2.00")
		s.publishSales(2, 0, "('UK', 1, 1)", "('UK', 1, 2)")
		want(true)
	})
}

func TestIncrementalKeys(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		for _, c := range []struct{ model, want string }{
			{"-- materialize: incremental\n-- key: [x, y]\nSELECT 1 AS x, 2 AS y UNION ALL SELECT 1, 2", "warehouse/a.sql:3: 1 keys (x, y) are null or have several rows"},
			{"-- materialize: incremental\n-- key: x\nSELECT CAST(NULL AS INTEGER) AS x", "warehouse/a.sql:3: 1 keys (x) are null"},
			{"-- materialize: incremental\n-- key: z\nSELECT 1 AS x", "warehouse/a.sql:3: key: "},
		} {
			s.declare(map[string]string{"a": c.model})
			s.wantError(c.want)
		}
	})
}
