// The archive of a load's table: commands, warnings and models know it as they know that of a stream.

package app

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/load"
	models "bursar/internal/warehouse/model"
)

const clicksYAML = `load: clicks
from: in/
format: jsonl
columns: {id: {type: int}, on: {type: date}}
strategy: manifest
archive: {column: on, cold: 1 year}
`

func TestArchivedLoad(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{
				"bursar.yaml": "threads: 1\n", "warehouse/clicks.yaml": clicksYAML, "warehouse/days.sql": "-- model: days\nSELECT \"on\" FROM clicks\n",
				"in/a.jsonl": `{"id":1,"on":"2010-12-31"}` + "\n" + `{"id":2,"on":"2011-01-01"}` + "\n",
			}
			if kind == "postgres" {
				files["bursar.yaml"] += fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t))
			} else {
				files["warehouse/clicks.yaml"] = strings.Replace(clicksYAML, "cold: 1 year", "warm: 30 days, cold: 1 year", 1)
			}
			a := openFiles(t, files)
			if _, err := a.Load(t.Context(), "clicks", load.Options{}); err != nil {
				t.Fatal(err)
			}
			runModel := func() error {
				runner, err := a.Models(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				_, err = runner.Run(t.Context(), models.Options{})
				return err
			}
			if err := runModel(); err != nil {
				t.Fatal(err)
			}
			if moved := archiveAll(t, a, ArchiveOptions{Tables: []string{"clicks"}, ColdBefore: day("2011-01-01")}); len(moved) != 1 || moved[0].Rows != 1 {
				t.Errorf("moved were %+v", moved)
			}
			wantTiers(t, a, "2010-12 cold")
			wantAnswer(t, a, "SELECT id FROM clicks_all", "2")
			db, err := a.Warehouse(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			absent, err := a.StatementWarnings(t.Context(), db, "SELECT * FROM clicks")
			if err != nil || len(absent) != 1 || !strings.Contains(absent[0], "`bursar restore clicks --from 2010-12-01 --to 2010-12-31`") {
				t.Errorf("absent are %v, %v", absent, err)
			}
			if err := runModel(); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "clicks lacks") {
				t.Errorf("the model over cold rows: %v", err)
			}
			wantAnswer(t, a, "SELECT count(*) FROM days", "2")
			parts, err := a.ArchivedParts(t.Context(), []string{"clicks"})
			if err != nil || len(parts) != 1 {
				t.Fatal(parts, err)
			}
			if err := a.VerifyArchive(t.Context(), parts, func(c archive.Checked) {
				if !c.OK {
					t.Errorf("%+v", c)
				}
			}); err != nil {
				t.Fatal(err)
			}
			restoreAll(t, a, "clicks", archive.Hot)
			wantTiers(t, a)
			wantAnswer(t, a, "SELECT id FROM clicks_all ORDER BY id", "1", "2")
		})
	}
}

// TestArchiveUndeclared makes a table again whose archive is not declared any more: its view shows no rows twice.
func TestArchiveUndeclared(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(7, 1)))
	for range 3 {
		x.ingest()
	}
	publishAll(t, x.App)
	all := ask(t, x.App, "SELECT count(*) FROM events_visits")
	archiveAll(t, x.App, ArchiveOptions{Before: day("2026-01-01")})
	if fmt.Sprint(ask(t, x.App, "SELECT count(*) FROM events_visits")) == fmt.Sprint(all) {
		t.Fatal("nothing is archived")
	}
	x.App = reopenWith(t, x.App, "streams/visits.yaml", strings.Replace(x.yaml, "archive:", "# archive:", 1))
	if _, err := publisher(t, x.App).Again(t.Context(), "events_visits"); err != nil {
		t.Fatal(err)
	}
	publishAll(t, x.App)
	wantTiers(t, x.App)
	wantAnswer(t, x.App, "SELECT count(*) FROM events_visits", all...)
	wantAnswer(t, x.App, "SELECT count(*) FROM events_visits_all", all...)
}
