//go:build linux && !race

// Processes whose project folders differ: one with an older folder leaves to others what it cannot do.

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// grow adds a column to the stream payments of a folder.
func grow(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join("streams", "payments.yaml")
	declared, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	const columns = "\ncolumns:\n"
	if !strings.Contains(string(declared), columns) {
		t.Fatalf("%s declares no columns: %s", path, declared)
	}
	file(t, dir, path, strings.Replace(string(declared), columns, columns+"  channel: {type: string, optional: true}\n", 1))
}

// TestOlderFolderBesideNewer has a process with the folder of before, while another one and the commands have a column more.
func TestOlderFolderBesideNewer(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t)
	dir := severalProject(t, postgrestest.URL(t), store.Endpoint, store, temporaltest.Shared(t))
	commands, logs, l := elsewhere(t, dir), t.ArtifactDir(), newLedger()
	older := newServing(t, "older", elsewhere(t, dir), logs, "up")
	mustStart(t, older)
	grow(t, commands)
	newer := newServing(t, "newer", elsewhere(t, commands), logs, "up")
	ingest := func() {
		text, ids := l.events("command", 5)
		must(t, 0, "ingest", "payments", file(t, t.TempDir(), "more.jsonl", text), "--project", commands)
		l.acknowledge(ids)
	}
	ingest()
	if status, _, text := older.postEvents(t.Context(), good("nobody"), ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "channel") {
		t.Errorf("the older process answers with %d: %s", status, text)
	}
	if !strings.Contains(older.logged(), "this process leaves a stream to others") {
		t.Errorf("the older process logs %s", older.tail())
	}
	mustStart(t, newer)
	until(t, "the older process forwards", slack, func() bool { return l.send(t.Context(), t, older, 2, "") })
	text, ids := l.events("inbox", 3)
	file(t, older.dir, "inbox/payments/new.jsonl", text)
	for range 3 { // the steps are of any process that asks for them
		ingest()
		must(t, 0, "run", "--project", commands)
	}
	if list, err := filepath.Glob(filepath.Join(older.dir, "inbox", "payments", "*.jsonl")); err != nil || len(list) != 1 {
		t.Errorf("the file of the inbox is not where it was: %v, %v", list, err)
	}
	stopAll(t, older)
	if got := bursar(t, "up", "--project", older.dir); got.code != 2 || !strings.Contains(got.err, "channel") {
		t.Errorf("an older folder: up ends with %d: %s", got.code, got.err)
	}
	grow(t, older.dir)
	mustStart(t, older)
	until(t, "the file of the inbox is taken", slack, func() bool {
		list, _ := filepath.Glob(filepath.Join(older.dir, "inbox", "payments", "taken", "*"))
		return len(list) > 0
	})
	l.acknowledge(ids)
	stopAll(t, older, newer)
	must(t, 0, "run", "--project", commands)
	must(t, 0, "verify", "--project", commands)
	l.check(t, commands)
}
