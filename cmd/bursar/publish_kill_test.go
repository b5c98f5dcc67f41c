//go:build linux

// Publishing by processes that are killed at random, while batches arrive, are retracted and rebuilt, and the database is restarted: every row
// of the warehouse is what was sealed and published.

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	publishKills     = 3
	soakPublishKills = 50
)

func TestPublishKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	t.Parallel()
	playPublishKilled(t, publishKills)
}

func TestSoakPublishKilled(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	playPublishKilled(t, soakPublishKills)
}

func playPublishKilled(t *testing.T, kills int) {
	t.Helper()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := &publishing{disturbed: newDisturbed(t, kind)}
			p.declare()
			for p.dead < kills {
				p.round()
			}
			p.prove()
			t.Logf("%d events, %d processes killed, %d restarts", p.events, p.dead, p.restarts)
		})
	}
}

// publishing is a project that is published by processes of which some are killed.
type publishing struct {
	*disturbed
	events    int
	batches   int
	retracted map[int]bool
}

const visits = `stream: visits
format: jsonl
id: id
time: at
columns:
  id: {type: string}
  page: {type: int}
  cost: {type: "decimal(18,2)"}
  at: {type: timestamp}
totals: {cost: {sum: cost}}
`

const pages = `pipeline: pages
from: visits
key: page
artifact: {visits: {count: true}, cost: {sum: cost}, last: {max: at}}
conserve: {cost: cost}
history: true
`

func (p *publishing) declare() {
	p.t.Helper()
	p.retracted = map[int]bool{}
	file(p.t, p.dir, "streams/visits.yaml", visits)
	file(p.t, p.dir, "pipelines/pages.yaml", pages)
}

// round changes the project, and publishes by processes that are killed before the last one.
func (p *publishing) round() {
	p.t.Helper()
	p.ingest(10_000)
	must(p.t, 0, "run", "--project", p.dir)
	switch p.random.IntN(4) {
	case 0:
		p.retract()
	case 1:
		must(p.t, 0, "rebuild", "pages", "--project", p.dir)
	}
	p.disturb("publish")
	p.prove()
}

// ingest seals a batch of events.
func (p *publishing) ingest(events int) {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "visits.jsonl")
	out, err := os.Create(path)
	if err != nil {
		p.t.Fatal(err)
	}
	w := bufio.NewWriter(out)
	for range events {
		p.events++
		at := time.Date(2026, 1, 1, 0, 0, p.events, 0, time.UTC).Format(time.RFC3339)
		fmt.Fprintf(w, `{"id":"v%d","page":%d,"cost":"%d.%02d","at":%q}`+"\n", p.events, p.random.IntN(8000), p.random.IntN(100), p.random.IntN(100), at)
	}
	if err := w.Flush(); err != nil {
		p.t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		p.t.Fatal(err)
	}
	must(p.t, 0, "ingest", "visits", path, "--project", p.dir)
	p.batches++
}

// retract retracts a batch, or takes that back.
func (p *publishing) retract() {
	p.t.Helper()
	n := 1 + p.random.IntN(p.batches)
	args := []string{"retract", "visits", fmt.Sprint(n), "--project", p.dir}
	if p.retracted[n] = !p.retracted[n]; p.retracted[n] {
		args = append(args, "--reason", "a test")
	} else {
		args = append(args, "--undo")
	}
	must(p.t, 0, args...)
}

// prove compares every row of the warehouse with what was sealed and published, and the number of events with those that were sent.
func (p *publishing) prove() {
	p.t.Helper()
	got := must(p.t, 0, "publish", "--verify", "--project", p.dir, "--json")
	want := p.events
	for _, is := range p.retracted {
		if is {
			want -= 10_000
		}
	}
	tables, _ := value(p.t, got)["tables"].([]any)
	if len(tables) != 3 {
		p.t.Fatalf("verified: %s", got.out)
	}
	for _, one := range tables {
		if v := object(p.t, one); v["table"] == "events_visits" && v["rows"] != float64(want) {
			p.t.Fatalf("%v of %d events are in the warehouse", v["rows"], want)
		}
	}
}
