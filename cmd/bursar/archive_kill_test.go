//go:build linux

// Archiving and restoring by processes that are killed at random, while the database is restarted: every event is in one tier, once.

package main

import (
	"fmt"
	"testing"
	"time"
)

const (
	archiveKills     = 2
	soakArchiveKills = 50
)

func TestArchiveKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	t.Parallel()
	playArchiveKilled(t, archiveKills)
}

func TestSoakArchiveKilled(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	playArchiveKilled(t, soakArchiveKills)
}

// archivedVisits is the stream of publishing with an archive.
const archivedVisits = visits + "archive: {by: day, %scold: 2 years}\n"

func playArchiveKilled(t *testing.T, kills int) {
	t.Helper()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := &archiveKilled{publishing{disturbed: newDisturbed(t, kind), retracted: map[int]bool{}}}
			p.declare()
			for p.dead < kills {
				p.round()
			}
			must(t, 0, "restore", "events_visits", "--project", p.dir)
			p.prove()
			if got := must(t, 0, "archive", "--list", "--project", p.dir).out; got != "Nothing is archived.\n" {
				t.Errorf("after the restore: %s", got)
			}
			t.Logf("%d events, %d processes killed, %d restarts", p.events, p.dead, p.restarts)
		})
	}
}

// archiveKilled is a project that is archived by processes of which some are killed.
type archiveKilled struct{ publishing }

func (p *archiveKilled) declare() {
	p.t.Helper()
	p.attempts = 5 // the database may be away between its transactions
	warm := ""
	if p.server == nil {
		warm = "warm: 1 year, "
	}
	file(p.t, p.dir, "streams/visits.yaml", fmt.Sprintf(archivedVisits, warm))
}

// round adds events of some days, and archives and restores by processes that are killed before the last one.
func (p *archiveKilled) round() {
	p.t.Helper()
	if p.events < 600_000 {
		p.ingest(40_000) // of half a day
	}
	if p.random.IntN(3) == 0 {
		p.retract()
	}
	must(p.t, 0, "publish", "--project", p.dir)
	day := func() string {
		return time.Date(2026, 1, 1+p.random.IntN(1+p.events/86_400), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	for _, args := range [][]string{
		{"archive", "--before", "2027-01-01", "--cold-before", day()},
		{"restore", "events_visits", "--from", day()},
		{"archive", "--before", "2027-01-01", "--cold-before", day()},
	} {
		p.disturb(args...)
	}
	p.prove()
}

// prove compares every row in the warehouse and in the archive with what was sealed, and reads the objects.
func (p *archiveKilled) prove() {
	p.t.Helper()
	must(p.t, 0, "publish", "--project", p.dir)
	got := value(p.t, must(p.t, 0, "publish", "--verify", "--project", p.dir, "--json"))
	want := p.events
	for _, is := range p.retracted {
		if is {
			want -= 40_000
		}
	}
	if v := item(p.t, got, "tables", 0); v["rows"] != float64(want) || v["ok"] != true {
		p.t.Fatalf("%v of %d events are in the warehouse and its archive", v, want)
	}
	archived := 0
	parts, _ := value(p.t, must(p.t, 0, "archive", "--verify", "--project", p.dir, "--json"))["parts"].([]any)
	for _, part := range parts {
		rows, _ := object(p.t, part)["rows"].(float64)
		archived += int(rows)
	}
	hot := must(p.t, 0, "query", "SELECT count(*) AS n FROM events_visits", "--format", "csv", "--project", p.dir).out
	if hot != fmt.Sprintf("n\n%d\n", want-archived) {
		p.t.Fatalf("%s rows are hot and %d archived, of %d", hot, archived, want)
	}
}
