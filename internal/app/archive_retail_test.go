// The archive of the retail example: its revenue by country and month is the same at every step.

package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/intake"
	"bursar/internal/failure"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/project"
	"bursar/internal/warehouse/archive"
	models "bursar/internal/warehouse/model"
)

// TestArchiveRetail archives the oldest months of invoices to warm and cold, and brings them back.
func TestArchiveRetail(t *testing.T) {
	files := retailFiles(t)
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := openArchivedRetail(t, kind)
			if _, err := a.Ingest(t.Context(), "sales", files, intake.Options{}); err != nil {
				t.Fatal(err)
			}
			runModels(t, a)
			want := revenueOracle(t, files)
			wantAnswer(t, a, revenueSQL, want...)
			before, cold := day("2011-03-01"), day("2010-12-31")

			if kind == "duckdb" {
				moved := archiveAll(t, a, ArchiveOptions{Before: before})
				if n := len(moved); n != 3 || moved[0].To != archive.Warm {
					t.Errorf("%d periods were moved: %+v", n, moved)
				}
				runModels(t, a)
				wantAnswer(t, a, revenueSQL, want...)
			}
			archiveAll(t, a, ArchiveOptions{Before: cold, ColdBefore: day("2011-01-01")})
			wantTiers(t, a, map[string][]string{"duckdb": {"2010-12 cold", "2011-01 warm", "2011-02 warm"}, "postgres": {"2010-12 cold"}}[kind]...)
			checkVerified(t, a)
			refused := runModelsErr(t, a)
			if failure.Of(refused) != failure.Data || !strings.Contains(refused.Error(), "events_sales_all lacks") || !strings.Contains(refused.Error(), "bursar restore events_sales") {
				t.Errorf("the model over cold rows: %v", refused)
			}
			wantAnswer(t, a, revenueSQL, want...)
			restoreAll(t, a, "events_sales", archive.Hot)
			wantTiers(t, a)
			runModels(t, a)
			wantAnswer(t, a, revenueSQL, want...)
			checkVerified(t, a)
		})
	}
}

const revenueSQL = "SELECT country, month, revenue, invoices FROM revenue ORDER BY country, month"

func day(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

// openArchivedRetail opens the retail example with an archive, and its model over the view.
func openArchivedRetail(t *testing.T, kind string) *App {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/retail")); err != nil {
		t.Fatal(err)
	}
	declared := "archive: {warm: 12 months, cold: 7 years}\n"
	if kind == "postgres" {
		declared = "archive: {cold: 7 years}\n"
	}
	for name, change := range map[string]func(string) string{
		"streams/sales.yaml":    func(text string) string { return text + declared },
		"warehouse/revenue.sql": func(text string) string { return strings.ReplaceAll(text, "events_sales", "events_sales_all") },
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		putFile(t, dir, name, change(string(text)))
	}
	a := openTest(t, dir)
	if kind == "postgres" {
		a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", postgrestest.URL(t)
	}
	return a
}

// archiveAll makes all moves that are due.
func archiveAll(t *testing.T, a *App, o ArchiveOptions) (done []archive.Moved) {
	t.Helper()
	moves, err := a.PlanArchive(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return makeMoves(t, a, moves)
}

func makeMoves(t *testing.T, a *App, moves []archive.Move) (done []archive.Moved) {
	t.Helper()
	for _, m := range moves {
		moved, err := a.MovePeriod(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if moved.Rows != m.Rows {
			t.Errorf("%+v has moved %d rows", m, moved.Rows)
		}
		done = append(done, moved)
	}
	if err := a.sweepArchive(t.Context()); err != nil {
		t.Fatal(err)
	}
	parts, err := a.ArchivedParts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = a.VerifyArchive(t.Context(), parts, func(c archive.Checked) {
		if !c.OK {
			t.Errorf("%s of %s: %s", c.Period, c.Table, c.Error)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// restoreAll brings all periods of a table back.
func restoreAll(t *testing.T, a *App, table string, to archive.Tier) {
	t.Helper()
	moves, err := a.PlanRestore(t.Context(), table, archive.Period{First: day("0001-01-01"), Until: day("9999-12-31")}, to, project.Age{})
	if err != nil {
		t.Fatal(err)
	}
	makeMoves(t, a, moves)
}

// wantTiers compares the journal.
func wantTiers(t *testing.T, a *App, want ...string) {
	t.Helper()
	parts, err := a.ArchivedParts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range parts {
		got = append(got, p.Period.String()+" "+string(p.Tier))
	}
	if !slices.Equal(got, want) {
		t.Errorf("archived are %q, want %q", got, want)
	}
}

// runModelsErr runs all models, and returns the error.
func runModelsErr(t *testing.T, a *App) error {
	t.Helper()
	runner, err := a.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = runner.Run(t.Context(), models.Options{})
	return err
}
