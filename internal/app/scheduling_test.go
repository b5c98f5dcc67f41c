// Tests of scheduled loads and models in a process that is up.

package app

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/object"
	"bursar/internal/project/projecttest"
	"bursar/internal/schedule"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/load"
	"bursar/internal/warehouse/scheduled"
)

const clicksLoad = `load: clicks
from: in/
format: jsonl
columns:
  id: {type: string}
strategy: manifest
schedule: every 24h
`

const clicksModel = "-- model: clicks_seen\nSELECT count(*) AS clicks FROM clicks\n"

// overdue makes a project with a load of one object and a model of it, both due since yesterday.
func overdue(t *testing.T, object string) *App {
	t.Helper()
	dir := projecttest.Folder(t, map[string]string{
		"bursar.yaml": "schedules: {models: every 24h}\n", "warehouse/clicks.yaml": clicksLoad, "warehouse/clicks_seen.sql": clicksModel, "in/a.jsonl": object,
	})
	a := openTest(t, dir)
	setDue(t, a, "load clicks", "models")
	return a
}

// setDue makes tasks due that were executed yesterday.
func setDue(t *testing.T, a *App, tasks ...string) {
	t.Helper()
	yesterday := map[string]any{"slot": time.Now().Add(-25 * time.Hour).UTC()}
	err := a.catalog.Update(t.Context(), func(tx catalog.Tx) error {
		for _, task := range tasks {
			if err := tx.Put("warehouse/scheduled/"+task, yesterday); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// executeSchedules executes what is due until the test ends.
func executeSchedules(t *testing.T, a *App) {
	t.Helper()
	follow(t, a) // starts the worker
	stop, err := a.startScheduling(t.Context())
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitTasks waits until every scheduled task waits for its next due time, and returns them.
func awaitTasks(t *testing.T, a *App) []scheduled.Status {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < time.Minute; <-tick.C {
		list, err := a.ScheduledTasks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(list, func(s scheduled.Status) bool { return s.State != scheduled.Waiting }) {
			return list
		}
	}
	t.Fatal("tasks are still due")
	return nil
}

func TestSchedulesExecute(t *testing.T) {
	t.Parallel()
	a := overdue(t, `{"id":"1"}`+"\n"+`{"id":"2"}`+"\n")
	before, err := a.ScheduledTasks(t.Context())
	if err != nil || before[0].State != scheduled.Due || !slices.Equal(before[1].WaitsFor, []string{"load clicks"}) {
		t.Fatalf("before: %+v, %v", before, err)
	}
	executeSchedules(t, a)
	list := awaitTasks(t, a)
	if list[0].Task != "load clicks" || list[0].Done != "1 objects, 2 rows, 0 rejected" || list[1].Done != "run 1 of 1 models" || list[1].Error != "" {
		t.Errorf("%+v", list)
	}
	if list[1].Began.Before(*list[0].Ended) {
		t.Errorf("the models began at %s, before the load ended at %s", list[1].Began, list[0].Ended)
	}
}

// TestScheduledLoadReports says what a person should look at, also when nothing was loaded.
func TestScheduledLoadReports(t *testing.T) {
	t.Parallel()
	a := overdue(t, `{"id":"1"}`+"\n")
	if done, err := a.loadDue(t.Context(), "clicks"); err != nil || done != "1 objects, 1 rows, 0 rejected" {
		t.Errorf("%s, %v", done, err)
	}
	dir := filepath.Dir(a.state)
	putFile(t, dir, "in/a.jsonl", `{"id":"22"}`+"\n")
	putFile(t, dir, "in/b.jsonl.gz", "")
	if done, err := a.loadDue(t.Context(), "clicks"); err != nil || done != "nothing is new; 1 left out; 1 not as they were loaded" {
		t.Errorf("%s, %v", done, err)
	}
}

// TestScheduledArchive moves what has the declared ages.
func TestScheduledArchive(t *testing.T) {
	t.Parallel()
	x := openArchiving(t, "duckdb", "month", rand.New(rand.NewPCG(4, 1)))
	daily, err := schedule.Parse("@daily", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	x.Project.Config.Schedules.Archive = daily
	for range 3 {
		x.ingest()
	}
	publishAll(t, x.App)
	planned, err := x.PlanArchive(t.Context(), ArchiveOptions{})
	if err != nil || len(planned) == 0 {
		t.Fatalf("planned %v, %v", planned, err)
	}
	setDue(t, x.App, "archive")
	executeSchedules(t, x.App)
	if list := awaitTasks(t, x.App); list[0].Done != fmt.Sprintf("%d periods were moved", len(planned)) || list[0].Error != "" {
		t.Errorf("%+v, want %d periods", list[0], len(planned))
	}
	x.check()
}

// TestArchiveOfTwoTables archives a table although an object of another one is damaged, and removes what an interrupted move has left.
func TestArchiveOfTwoTables(t *testing.T) {
	t.Parallel()
	for name, archives := range map[string]func(a *App) (string, error){
		"by schedule": func(a *App) (string, error) { return a.archiveDue(t.Context()) },
		"by hand": func(a *App) (string, error) {
			moves, err := a.PlanArchive(t.Context(), ArchiveOptions{})
			if err != nil {
				return "", err
			}
			done, err := a.MovePeriods(t.Context(), moves, func(archive.Move) {})
			return fmt.Sprintf("%d periods were moved", len(done)), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			yaml := fmt.Sprintf(archivedYAML, "year", "warm: 90 days, ")
			a := openFiles(t, map[string]string{"bursar.yaml": "", "streams/visits.yaml": yaml, "streams/calls.yaml": strings.Replace(yaml, "stream: visits", "stream: calls", 1)})
			for _, stream := range []string{"calls", "visits"} {
				mustIngest(t, a, stream, putFile(t, t.TempDir(), "in.jsonl", `{"id":"1","at":"2020-01-01T00:00:00Z","on":"2020-01-01","kind":"k","amount":"1.0000"}`+"\n"))
			}
			publishAll(t, a)
			archiveAll(t, a, ArchiveOptions{Tables: []string{"events_calls"}, Before: day("2021-01-01")})
			parts, err := a.ArchivedParts(t.Context(), nil)
			if err != nil || len(parts) != 1 {
				t.Fatalf("%+v, %v", parts, err)
			}
			flip(t, a, parts[0].Object.Name)
			folder, name := filepath.Split(a.Engine.Objects.Files().Path(parts[0].Object))
			putFile(t, folder, strings.TrimSuffix(name, ".parquet")+"0.parquet", "")
			if done, err := archives(a); !object.IsDamage(err) || done != "1 periods were moved" {
				t.Errorf("%s, %v", done, err)
			}
			wantTiers(t, a, "2020 warm", "2020 cold")
			if names, err := a.Engine.Objects.List(t.Context(), archive.Folder); err != nil || len(names) != 2 {
				t.Errorf("%q, %v", names, err)
			}
		})
	}
}

// TestScheduledFailure records the error of a load, and still executes the models.
func TestScheduledFailure(t *testing.T) {
	t.Parallel()
	a := overdue(t, `{"id":1}`+"\n")
	executeSchedules(t, a)
	list := awaitTasks(t, a)
	if !strings.Contains(list[0].Error, "1 rows or more are rejected") || list[0].Class != "data" {
		t.Errorf("the load: %+v", list[0])
	}
	if !strings.Contains(list[1].Error, filepath.Join("warehouse", "clicks_seen.sql")) {
		t.Errorf("the models: %+v", list[1])
	}
}

// TestLoadWaitsForWarehouse: a command tries again to reach the warehouse, says so once, and ends when it is interrupted.
func TestLoadWaitsForWarehouse(t *testing.T) {
	t.Parallel()
	a := overdue(t, `{"id":"1"}`+"\n")
	a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", "postgres://u:secret@127.0.0.1:1/db"
	warned := make(chan string, 99)
	a.log = slog.New(slog.NewTextHandler(writerFunc(func(text []byte) (int, error) {
		warned <- string(text)
		return len(text), nil
	}), nil))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := a.Load(ctx, "clicks", load.Options{})
		ended <- err
	}()
	if text := <-warned; !strings.Contains(text, "trying again") || strings.Contains(text, "secret") {
		t.Errorf("logged %s", text)
	}
	select {
	case err := <-ended:
		t.Fatalf("it has not tried again: %v", err)
	default:
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("it has succeeded")
	}
}
