// Models over published events: that of the retail example on the real files, compared with a naive computation over the CSV files.

package app

import (
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/retract"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	models "bursar/internal/warehouse/model"
)

// TestRetailModel makes revenue by country and month from published events, as a table and by an incremental model.
func TestRetailModel(t *testing.T) {
	files := retailFiles(t)
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := openRetailModels(t)
			if kind == "postgres" {
				a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", postgrestest.URL(t)
			}
			for i, month := range byMonth(files) {
				if _, err := a.Ingest(t.Context(), "sales", month, intake.Options{}); err != nil {
					t.Fatal(err)
				}
				if i%4 == 3 {
					runModels(t, a)
				}
			}
			runModels(t, a)
			want := revenueOracle(t, files)
			for _, table := range []string{"revenue", "revenue_steps"} {
				wantAnswer(t, a, "SELECT country, month, revenue, invoices FROM "+table+" ORDER BY country, month", want...)
			}
		})
	}
}

// openRetailModels opens the retail example with an incremental model beside its own.
func openRetailModels(t *testing.T) *App {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/retail")); err != nil {
		t.Fatal(err)
	}
	putFile(t, dir, "warehouse/revenue_steps.sql", `-- model: revenue_steps
-- materialize: incremental
-- key: [country, month]
-- tests: [balanced: {sum: revenue, equals: "SELECT sum(amount) FROM events_sales"}]
WITH months AS (
	SELECT country, CAST(date_trunc('month', invoiced_at AT TIME ZONE 'UTC') AS DATE) AS month, amount, invoice_no, _batch FROM events_sales
), changed AS (
	SELECT DISTINCT country, month FROM months WHERE _batch > :after_events_sales
)
SELECT country, month, sum(amount) AS revenue, count(DISTINCT invoice_no) AS invoices
FROM months JOIN changed USING (country, month)
GROUP BY country, month
`)
	return openTest(t, dir)
}

// TestModelAfterRetraction retracts a batch that an incremental model has read: the model is made from the beginning.
func TestModelAfterRetraction(t *testing.T) {
	t.Parallel()
	a := reopenWith(t, openSmall(t, ordersYAML), "warehouse/paid.sql", `-- model: paid
-- materialize: incremental
-- key: id
SELECT id, amount FROM events_payments WHERE _batch > :after_events_payments
`)
	for _, lines := range [][]string{{"1 a 1.00", "2 b 2.00"}, {"3 a 3.00"}} {
		pay(t, a, lines...)
		runModels(t, a)
	}
	wantAnswer(t, a, "SELECT id, amount FROM paid ORDER BY id", "1|1.00", "2|2.00", "3|3.00")
	for _, undo := range []bool{false, true} {
		s := a.Project.Stream("payments")
		_, err := exclusively(t.Context(), a, s, func(ctx context.Context, st *event.Store) (retract.Retracted, error) {
			return retract.Retract(ctx, st, s, retract.Options{Batch: 1, Undo: undo, Reason: "a test"})
		})
		if err != nil {
			t.Fatal(err)
		}
		if m := runModels(t, a).Models[0]; !m.Full || m.Reason == "" {
			t.Errorf("%+v", m)
		}
		if undo {
			wantAnswer(t, a, "SELECT id, amount FROM paid ORDER BY id", "1|1.00", "2|2.00", "3|3.00")
		} else {
			wantAnswer(t, a, "SELECT id, amount FROM paid ORDER BY id", "3|3.00")
		}
	}
	if m := runModels(t, a).Models[0]; m.Full || *m.Added != 0 {
		t.Errorf("%+v", m)
	}
}

// TestModelOfDifferingTable changes a row by hand: once a verification has found it, models that read the table warn.
func TestModelOfDifferingTable(t *testing.T) {
	t.Parallel()
	a := reopenWith(t, openSmall(t, ordersYAML), "warehouse/paid.sql", "-- model: paid\nSELECT sum(amount) AS paid FROM events_payments\n")
	pay(t, a, "1 a 1.00", "2 b 2.00")
	if out := runModels(t, a); len(out.Warnings) > 0 {
		t.Errorf("without a reason: %q", out.Warnings)
	}
	changeWarehouse(t, a, "UPDATE events_payments SET amount = 3 WHERE id = '1'")
	if v, err := publisher(t, a).Verify(t.Context(), "events_payments"); err != nil || v.OK {
		t.Errorf("%+v, %v", v, err)
	}
	if out := runModels(t, a); len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "table events_payments is not as it was published: 2 rows differ") {
		t.Errorf("warnings are %q", out.Warnings)
	}
}

// TestModelsAfterAgain makes a table from the beginning that somebody has changed: what models have read of it is read again.
func TestModelsAfterAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			config := "threads: 1\n"
			if kind == "postgres" {
				config += fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t))
			}
			a := openFiles(t, map[string]string{
				"bursar.yaml": config, "streams/payments.yaml": paymentsYAML,
				"warehouse/all_paid.sql": "-- model: all_paid\nSELECT sum(amount) AS amount FROM events_payments\n",
				"warehouse/paid.sql": "-- model: paid\n-- materialize: incremental\n-- key: id\n" +
					"SELECT id, amount FROM events_payments WHERE _batch > :after_events_payments\n",
			})
			pay(t, a, "1 a 1.00", "2 b 2.00")
			publishAll(t, a)
			changeWarehouse(t, a, "UPDATE events_payments SET amount = 9 WHERE id = '1'")
			runModels(t, a)
			wantAnswer(t, a, "SELECT amount FROM all_paid", "11.00")
			if _, err := publisher(t, a).Again(t.Context(), "events_payments"); err != nil {
				t.Fatal(err)
			}
			runner, err := a.Models(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if changed, err := runner.Changed(t.Context()); err != nil || !changed {
				t.Errorf("a table was made again, and the models have changed: %t, %v", changed, err)
			}
			runModels(t, a)
			wantAnswer(t, a, "SELECT id, amount FROM paid ORDER BY id", "1|1.00", "2|2.00")
			wantAnswer(t, a, "SELECT amount FROM all_paid", "3.00")
			if changed, err := runner.Changed(t.Context()); err != nil || changed {
				t.Errorf("the models have changed: %t, %v", changed, err)
			}
		})
	}
}

// runModels publishes what was ingested and runs all models.
func runModels(t *testing.T, a *App) models.Result {
	t.Helper()
	p, err := a.Publisher(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range a.Project.Streams {
		if _, err := p.Publish(t.Context(), project.EventsTable(s.Name)); err != nil {
			t.Fatal(err)
		}
	}
	runner, err := a.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := runner.Run(t.Context(), models.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// revenueOracle computes the rows of the model, without any code of the product.
func revenueOracle(t *testing.T, files []string) (lines []string) {
	t.Helper()
	revenue, invoices := map[string]*big.Rat{}, map[string]map[string]bool{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			group := row[7] + "|" + row[4][:len("2006-01")] + "-01"
			quantity, ok := new(big.Rat).SetString(row[3])
			price, ok2 := new(big.Rat).SetString(row[5])
			if !ok || !ok2 {
				t.Fatalf("no numbers: %q", row)
			}
			if revenue[group] == nil {
				revenue[group], invoices[group] = new(big.Rat), map[string]bool{}
			}
			revenue[group].Add(revenue[group], quantity.Mul(quantity, price))
			invoices[group][row[0]] = true
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(revenue)) {
		lines = append(lines, fmt.Sprintf("%s|%s|%d", group, revenue[group].FloatString(3), len(invoices[group])))
	}
	return lines
}
