// The verdicts of bursar_freshness on the days of tables.

package app

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/intake"
	"bursar/internal/postgres/postgrestest"
)

const visitsYAML = `
stream: visits
format: jsonl
id: id
time: at
columns:
  id: {type: string}
  shop: {type: string}
  at: {type: timestamp}
  cost: {type: "decimal(18,2)"}
totals:
  cost: {sum: cost, by: shop}
  large: {sum: cost, where: "cost > 5"}
`

const shopsYAML = `
pipeline: shops
from: visits
key: shop
artifact: {cost: {sum: cost}, days: {list: [at, cost], by: at}}
conserve: {cost: cost}
`

// TestFreshness ingests events of several days on different days, and rows that are rejected.
func TestFreshness(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"duckdb", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			putFile(t, dir, "bursar.yaml", "")
			putFile(t, dir, "streams/visits.yaml", visitsYAML)
			putFile(t, dir, "pipelines/shops.yaml", shopsYAML)
			a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if name == "postgres" {
				a.Project.Config.Warehouse.Kind, a.Project.Config.Warehouse.URL = "postgres", postgrestest.URL(t)
			}
			ingest := func(day int, text string) {
				a.Events.Now = func() time.Time { return time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC) }
				if _, err := a.Ingest(t.Context(), "visits", []string{putFile(t, t.TempDir(), "in.jsonl", text)}, intake.Options{}); err != nil {
					t.Fatal(err)
				}
				runAll(t, a, "shops")
				publishAll(t, a)
			}
			const verdicts = "SELECT table_name, day, events, verdict FROM bursar_freshness ORDER BY table_name, day"
			ingest(3, `{"id":"1","shop":"a","at":"2026-01-01T23:59:59.999999Z","cost":"4.00"}
{"id":"2","shop":"a","at":"2026-01-02T00:00:00Z","cost":"9.99"}
{"id":"3","shop":"b","at":"2026-01-03T00:00:00+01:00","cost":"1.00"}
{"id":"4","shop":"b","at":"2026-01-03T00:00:00Z","cost":"2.00"}
`)
			wantAnswer(t, a, verdicts, "events_visits|2026-01-01|1|PROVEN", "events_visits|2026-01-02|2|PROVEN", "events_visits|2026-01-03|1|UNKNOWN",
				"shops|2026-01-01|1|PROVEN", "shops|2026-01-02|2|PROVEN", "shops|2026-01-03|1|UNKNOWN")
			ingest(4, `{"id":"5","shop":"c","at":"2026-01-02T10:00:00Z","cost":"1.00"}
{"id":"6","shop":"c","at":"2026-01-02T10:00:00Z","cost":"1.001"}
`)
			wantAnswer(t, a, verdicts, "events_visits|2026-01-01|1|CLAIMED", "events_visits|2026-01-02|3|CLAIMED", "events_visits|2026-01-03|1|CLAIMED",
				"shops|2026-01-01|1|CLAIMED", "shops|2026-01-02|3|CLAIMED", "shops|2026-01-03|1|CLAIMED")
			changeWarehouse(t, a, "DELETE FROM events_visits WHERE id = '5'")
			if v, err := publisher(t, a).Verify(t.Context(), "events_visits"); err != nil || v.Missing != 1 {
				t.Errorf("%+v, %v", v, err)
			}
			wantAnswer(t, a, verdicts+" LIMIT 1", "events_visits|2026-01-01|1|BROKEN")
			wantAnswer(t, a, "SELECT shop, cost, days FROM shops WHERE shop = 'c'", daysOf(name))
			for _, sql := range []string{"DELETE FROM bursar_days", "UPDATE bursar_days SET events = events + 1 WHERE batch = 2"} {
				makeAgain(t, a, "events_visits")
				changeWarehouse(t, a, sql)
				if v, err := publisher(t, a).Verify(t.Context(), "events_visits"); err != nil || v.OK || v.Days == 0 || v.Missing+v.Other > 0 {
					t.Errorf("%s: %+v, %v", sql, v, err)
				}
				wantWarning(t, a, "events_visits", true)
			}
		})
	}
}

func makeAgain(t *testing.T, a *App, table string) {
	t.Helper()
	if _, err := publisher(t, a).Again(t.Context(), table); err != nil {
		t.Fatal(err)
	}
}

// daysOf is a list of the pipeline as a database prints JSON.
func daysOf(name string) string {
	if name == "postgres" {
		return `c|1.00|[{"at": "2026-01-02T10:00:00Z", "cost": "1.00"}]`
	}
	return `c|1.00|[{"at":"2026-01-02T10:00:00Z","cost":"1.00"}]`
}

// TestFreshnessAfterRetry retries a rejected row while its pipeline does not run: its days are proven when the pipeline has the row.
func TestFreshnessAfterRetry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	putFile(t, dir, "bursar.yaml", "")
	putFile(t, dir, "pipelines/shops.yaml", shopsYAML)
	open := func(shops string) *App {
		putFile(t, dir, "streams/visits.yaml", strings.Replace(visitsYAML, "shop: {type: string}", "shop: {type: string, in: ["+shops+"]}", 1))
		a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const verdicts = "SELECT table_name, events, verdict FROM bursar_freshness ORDER BY 1"
	a := open("a")
	in := putFile(t, dir, "in.jsonl", `{"id":"1","shop":"a","at":"2026-01-01T10:00:00Z","cost":"4.00"}`+"\n"+`{"id":"2","shop":"b","at":"2026-01-01T11:00:00Z","cost":"5.00"}`+"\n")
	if _, err := a.Ingest(t.Context(), "visits", []string{in}, intake.Options{}); err != nil {
		t.Fatal(err)
	}
	runAll(t, a, "shops")
	publishAll(t, a)
	wantAnswer(t, a, verdicts, "events_visits|1|CLAIMED", "shops|1|CLAIMED")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open("a, b")
	defer a.Close()
	if _, err := a.Retry(t.Context(), "visits"); err != nil {
		t.Fatal(err)
	}
	publishAll(t, a)
	wantAnswer(t, a, verdicts, "events_visits|2|PROVEN", "shops|2|CLAIMED")
	runAll(t, a, "shops")
	publishAll(t, a)
	wantAnswer(t, a, verdicts, "events_visits|2|PROVEN", "shops|2|PROVEN")
	checkVerified(t, a)
}

// TestHistoryOfTwoStreams runs a batch that was sealed before one of another stream that was run already: versions do not end before they begin.
func TestHistoryOfTwoStreams(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			config := ""
			if kind == "postgres" {
				config = fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t))
			}
			a := openFiles(t, map[string]string{
				"bursar.yaml": config, "streams/visits.yaml": visitsYAML, "streams/calls.yaml": strings.Replace(visitsYAML, "stream: visits", "stream: calls", 1),
				"pipelines/shops.yaml": strings.Replace(shopsYAML, "from: visits", "from: [visits, calls]\nhistory: true", 1),
			})
			for n, stream := range []string{"visits", "calls", "visits", "calls"} {
				a.Events.Now = func() time.Time { return time.Date(2026, 1, 1, 12, 0, []int{5, 4, 9, 8}[n], 0, time.UTC) }
				text := fmt.Sprintf(`{"id":"%d","shop":"a","at":"2026-01-01T10:00:00Z","cost":"4.00"}`+"\n", n)
				if _, err := a.Ingest(t.Context(), stream, []string{putFile(t, t.TempDir(), "in.jsonl", text)}, intake.Options{}); err != nil {
					t.Fatal(err)
				}
				runAll(t, a, "shops")
				if n%2 == 0 {
					publishAll(t, a)
				}
			}
			publishAll(t, a)
			checkVerified(t, a)
			wantAnswer(t, a, "SELECT _run, cost, valid_from, valid_to FROM shops_history ORDER BY 1",
				"1|4.00|2026-01-01T12:00:05Z|2026-01-01T12:00:05Z", "2|8.00|2026-01-01T12:00:05Z|2026-01-01T12:00:09Z",
				"3|12.00|2026-01-01T12:00:09Z|2026-01-01T12:00:09Z", "4|16.00|2026-01-01T12:00:09Z|")
		})
	}
}

// TestHistoryAfterRunWithoutArtifacts publishes run by run, of which one made no artifact: versions are those of a verification, which reads all runs
// at once.
func TestHistoryAfterRunWithoutArtifacts(t *testing.T) {
	t.Parallel()
	a := openFiles(t, map[string]string{
		"bursar.yaml": "", "streams/visits.yaml": visitsYAML, "streams/calls.yaml": strings.Replace(visitsYAML, "stream: visits", "stream: calls", 1),
		"pipelines/shops.yaml": strings.Replace(shopsYAML, "from: visits", "from: [visits, calls]\nhistory: true", 1),
	})
	for n, stream := range []string{"visits", "visits", "calls"} {
		a.Events.Now = func() time.Time { return time.Date(2026, 1, 1, 12, 0, []int{5, 9, 8}[n], 0, time.UTC) }
		cost := []string{"4.00", "WRONG", "4.00"}[n]
		text := fmt.Sprintf(`{"id":"%d","shop":"a","at":"2026-01-01T10:00:00Z","cost":"%s"}`+"\n", n, cost)
		if _, err := a.Ingest(t.Context(), stream, []string{putFile(t, t.TempDir(), "in.jsonl", text)}, intake.Options{}); err != nil {
			t.Fatal(err)
		}
		runAll(t, a, "shops")
		publishAll(t, a)
	}
	checkVerified(t, a)
	wantAnswer(t, a, "SELECT _run, cost, valid_from, valid_to FROM shops_history ORDER BY 1",
		"1|4.00|2026-01-01T12:00:05Z|2026-01-01T12:00:08Z", "3|8.00|2026-01-01T12:00:08Z|")
}
