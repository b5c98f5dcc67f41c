//go:build linux

// bursar archive and bursar restore, by themselves and while `bursar up` runs.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
)

// archiveShop is a project with events of three months of 2025 in its warehouse, which declared its archive after they were published.
func archiveShop(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", config)
	file(t, dir, "streams/visits.yaml", visits)
	file(t, dir, "pipelines/pages.yaml", pages)
	text := ""
	for i := range 90 {
		text += fmt.Sprintf(`{"id":"v%d","page":%d,"cost":"1.10","at":%q}`+"\n", i, i%7, time.Date(2025, 1, 1+i, 12, 0, 0, 0, time.UTC).Format(time.RFC3339))
	}
	must(t, 0, "ingest", "visits", file(t, dir, "visits.jsonl", text), "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "publish", "--project", dir)
	file(t, dir, "streams/visits.yaml", visits+"archive: {warm: 2000 years, cold: 3000 years}\n")
	return dir
}

func TestArchiveCommands(t *testing.T) {
	t.Parallel()
	dir := archiveShop(t, "")
	must(t, 0, "check", "--project", dir)
	if got := value(t, must(t, 0, "run", "--project", dir, "--json")); len(listIn(t, got, "runs")) != 0 {
		t.Errorf("a declared archive makes a run: %v", got)
	}
	archives(t, dir)
}

// TestArchiveCommandsUp sends the commands to `bursar up`.
func TestArchiveCommandsUp(t *testing.T) {
	t.Parallel()
	dir := archiveShop(t, "")
	u := bringUp(t, dir)
	archives(t, dir)
	u.stop(os.Interrupt, 0)
}

// TestArchiveInBucket has the objects in S3: those of the warm tier are copied before a query reads them, also to where they were removed.
func TestArchiveInBucket(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t)
	store.NewBucket(t, "books")
	dir := archiveShop(t, fmt.Sprintf("storage: {kind: s3, bucket: books, prefix: p/, region: "+s3test.Region+", endpoint: %q, path_style: true}\n", store.Endpoint))
	archives(t, dir)
	must(t, 0, "archive", "--before", "2025-03", "--project", dir)
	if err := os.RemoveAll(filepath.Join(dir, ".bursar", "warm")); err != nil {
		t.Fatal(err)
	}
	if got := must(t, 0, "query", "SELECT count(*) AS n FROM events_visits_all", "--format", "csv", "--project", dir).out; got != "n\n90\n" {
		t.Errorf("without the copies: %s", got)
	}
}

func archives(t *testing.T, dir string) {
	t.Helper()
	in := func(args ...string) []string { return append(args, "--project", dir) }
	must(t, 0, in("publish")...)
	count := func(table, want, warning string) {
		t.Helper()
		got := must(t, 0, in("query", "SELECT count(*) AS n, sum(cost) AS cost FROM "+table, "--format", "csv")...)
		if got.out != "n,cost\n"+want+"\n" || (warning == "") != (got.err == "") || !strings.Contains(got.err, warning) {
			t.Errorf("%s: %s%s", table, got.out, got.err)
		}
	}
	count("events_visits_all", "90,99.00", "")
	if got := must(t, 0, in("archive")...).out; !strings.HasPrefix(got, "Nothing to do") {
		t.Errorf("nothing is old enough, but: %s", got)
	}
	planned := value(t, must(t, 0, in("archive", "--dry-run", "--before", "2025-03", "--cold-before", "2025-02-01", "--json")...))
	if m := item(t, planned, "planned", 0); m["period"] != "2025-01" || m["to"] != "cold" || m["rows"] != 31.0 {
		t.Errorf("planned: %v", planned)
	}
	count("events_visits", "90,99.00", "")
	if got := must(t, 0, in("archive", "events_visits", "--before", "2025-03")...).out; !strings.Contains(got, "Moved 2 periods: 59 rows in ") {
		t.Errorf("archive says %s", got)
	}
	count("events_visits", "31,34.10", "warning: table events_visits lacks 59 rows of 2025-01 to 2025-02, which are warm: read the view events_visits_all\n")
	count("events_visits_all", "90,99.00", "")
	for _, sql := range []string{"SELECT * FROM read_parquet('" + dir + "/.bursar/objects/warehouse-archive/warm/**/*.parquet')", "FROM '" + warmFile(t, dir) + "'", "FROM glob('" + dir + "/.bursar/*')"} {
		must(t, 1, in("query", sql)...)
	}
	must(t, 0, in("archive", "--cold-before", "2025-02")...)
	count("events_visits_all", "59,64.90", "`bursar restore events_visits --from 2025-01-01 --to 2025-01-31` brings them back")
	tiers := must(t, 0, in("query", "SELECT DISTINCT table_name, tier, verdict FROM bursar_freshness WHERE table_name <> 'pages' ORDER BY ALL", "--format", "csv")...).out
	for _, want := range []string{"events_visits,cold,UNKNOWN", "events_visits,warm,UNKNOWN", "events_visits,hot,PROVEN", "events_visits_all,cold,UNKNOWN", "events_visits_all,warm,PROVEN"} {
		if !strings.Contains(tiers, want+"\n") {
			t.Errorf("%s is not among the verdicts:\n%s", want, tiers)
		}
	}
	parts := value(t, must(t, 0, in("archive", "--list", "--json")...))
	if p := item(t, parts, "parts", 0); p["tier"] != "cold" || p["rows"] != 31.0 || !strings.Contains(fmt.Sprint(p["totals"]), "34.10") {
		t.Errorf("list says %v", p)
	}
	must(t, 0, in("archive", "--verify")...)
	must(t, 0, in("publish", "--verify")...)
	must(t, 0, in("verify")...)
	must(t, 0, in("restore", "events_visits", "--from", "2025-01", "--to", "2025-01", "--tier", "warm")...)
	count("events_visits_all", "90,99.00", "")
	if got := must(t, 0, in("restore", "events_visits")...).out; !strings.Contains(got, "Moved 2 periods: 59 rows.") {
		t.Errorf("restore says %s", got)
	}
	count("events_visits", "90,99.00", "")
	if got := must(t, 0, in("restore", "events_visits")...).out; !strings.HasPrefix(got, "Nothing to do") {
		t.Errorf("restore again says %s", got)
	}
	badArchives(t, in)
}

func badArchives(t *testing.T, in func(args ...string) []string) {
	t.Helper()
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{3, "table events_visit not found", []string{"archive", "events_visit"}},
		{3, "table pages not found", []string{"archive", "pages"}},
		{3, "table nothing not found", []string{"restore", "nothing"}},
		{2, "no day, month or year", []string{"archive", "--before", "yesterday"}},
		{2, "--from 2025-02 is after --to 2025-01", []string{"restore", "events_visits", "--from", "2025-02", "--to", "2025-01"}},
		{2, "use hot or warm", []string{"restore", "events_visits", "--tier", "cold"}},
		{2, "use 0, or a time", []string{"restore", "events_visits", "--keep", "1 week"}},
		{2, "use --list or --verify alone", []string{"archive", "--list", "--dry-run"}},
	} {
		if got := must(t, c.code, in(c.args...)...); !strings.Contains(got.err, c.want) {
			t.Errorf("%q: %s", c.args, got.err)
		}
	}
}

// warmFile returns the path of a file of the warm tier.
func warmFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".bursar/objects/warehouse-archive/warm/events_visits/*.parquet"))
	if len(files) == 0 {
		files, err = filepath.Glob(filepath.Join(dir, ".bursar/warm/*.parquet"))
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	return files[0]
}
