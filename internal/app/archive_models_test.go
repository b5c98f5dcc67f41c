// Models over tables of which periods are archived.

package app

import (
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/warehouse/archive"
	models "bursar/internal/warehouse/model"
)

// TestArchivedModels refuses the models that would lack rows, and leaves their tables as they were.
func TestArchivedModels(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "year", rand.New(rand.NewPCG(5, 1)))
	for name, text := range map[string]string{
		"plain": "SELECT count(*) AS n FROM events_visits",
		"whole": "SELECT count(*) AS n FROM events_visits_all",
		"seen":  "-- materialize: view\nSELECT id FROM events_visits",
		"after": "SELECT count(*) AS n FROM seen",
		"least": "-- archived: ignore\nSELECT count(*) AS n FROM events_visits",
		"steps": "-- archived: ignore\n-- materialize: incremental\n-- key: id\nSELECT id FROM events_visits WHERE _batch > :after_events_visits",
	} {
		putFile(t, strings.TrimSuffix(x.state, "/.bursar"), "warehouse/"+name+".sql", "-- model: "+name+"\n"+text+"\n")
	}
	x.App = reopenWith(t, x.App, "bursar.yaml", "threads: 1\n")
	for range 4 {
		x.ingest()
	}
	publishAll(t, x.App)
	all := ask(t, x.App, "SELECT count(*) FROM events_visits")
	run := func(name string) error {
		t.Helper()
		runner, err := x.Models(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = runner.Run(t.Context(), models.Options{Names: []string{name}})
		return err
	}
	for _, name := range []string{"plain", "whole", "seen", "after", "least", "steps"} {
		if err := run(name); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want string, names ...string) {
		t.Helper()
		for _, name := range names {
			if err := run(name); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "warehouse/"+name+".sql:") || !strings.Contains(err.Error(), want) {
				t.Errorf("model %s: %v", name, err)
			}
		}
	}

	archiveAll(t, x.App, ArchiveOptions{Before: day("2023-01-01")})
	hot := ask(t, x.App, "SELECT count(*) FROM events_visits")
	refused("which are warm: read the view events_visits_all; if the model works without them, add `archived: ignore`", "plain", "seen", "after")
	if err := run("whole"); err != nil {
		t.Error(err)
	}
	wantAnswer(t, x.App, "SELECT n FROM plain", all...)
	wantAnswer(t, x.App, "SELECT n FROM whole", all...)
	archiveAll(t, x.App, ArchiveOptions{ColdBefore: day("2023-01-01")})
	refused("which are cold: `bursar restore events_visits --from 2022-01-01 --to 2022-12-31` brings them back", "plain", "whole", "seen", "after")
	for _, name := range []string{"least", "steps"} {
		if err := run(name); err != nil {
			t.Error(err)
		}
	}
	wantAnswer(t, x.App, "SELECT n FROM least", hot...)
	wantAnswer(t, x.App, "SELECT count(*) FROM steps", all...)
	wantAnswer(t, x.App, "SELECT n FROM whole", all...)

	x.retractEvent()
	publishAll(t, x.App)
	archiveAll(t, x.App, ArchiveOptions{ColdBefore: day("2023-01-01")})
	refused("must be made from the beginning, because rows of events_visits were retracted, restored or made again, but events_visits lacks", "steps")
	restoreAll(t, x.App, "events_visits", archive.Hot)
	for _, name := range []string{"plain", "whole", "seen", "after", "least", "steps"} {
		if err := run(name); err != nil {
			t.Error(err)
		}
	}
	wantAnswer(t, x.App, "SELECT count(*) FROM steps", ask(t, x.App, "SELECT n FROM plain")...)
}
