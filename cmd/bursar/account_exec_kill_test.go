//go:build linux

// A program that prints records, killed between a record and the state after it, alone and together with `bursar up`: every record counts once.

package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"
)

// tapScript prints rows.jsonl from its state on, with a state after every 50 records. At the record of the file stop it waits until it is killed.
const tapScript = `position=0
while [ $# -gt 0 ]; do
  if [ "$1" = --state ]; then position=$(sed 's/[^0-9]//g' "$2"); fi
  shift
done
echo '{"type":"SCHEMA","stream":"rows","schema":{"type":"object"},"key_properties":["id"]}'
n=0
while read -r line; do
  n=$((n + 1))
  if [ "$n" -le "$position" ]; then continue; fi
  printf '{"type":"RECORD","stream":"rows","record":%s}\n' "$line"
  if [ "$(cat stop 2>/dev/null)" = "$n" ]; then
    echo $$ > pid.new
    mv pid.new pid
    while :; do sleep 100; done
  fi
  if [ $((n % 50)) = 0 ]; then printf '{"type":"STATE","value":{"position":%d}}\n' "$n"; fi
done < rows.jsonl
printf '{"type":"STATE","value":{"position":%d}}\n' "$n"
`

func TestProgramKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var rows strings.Builder
	const count = 520
	for i := range count {
		fmt.Fprintf(&rows, "{\"id\":%d,\"kind\":\"k\",\"amount\":%d.25}\n", i+1, i+1)
	}
	for name, text := range map[string]string{
		"bursar.yaml": "", "tap.sh": tapScript, "rows.jsonl": rows.String(),
		"streams/rows.yaml": "stream: rows\nformat: jsonl\nid: id\ncolumns:\n  id: {type: bigint}\n  kind: {type: string}\n  amount: {type: \"decimal(18,2)\"}\n" +
			"totals: {amount: {sum: amount}}\n",
		"pipelines/sums.yaml":    "pipeline: sums\nfrom: rows\nkey: kind\nartifact:\n  rows: {count: true}\n  amount: {sum: amount}\nconserve: {amount: amount}\n",
		"institutions/feed.yaml": "institution: feed\nconnector: {kind: exec, command: [/bin/sh, tap.sh], streams: {rows: rows}}\nrefresh: {every: never}\n",
	} {
		file(t, dir, name, text)
	}
	must(t, 0, "account", "add", "feed", "main", "--project", dir)
	u := bringUp(t, dir)
	refreshed := make(chan struct{}, 2)
	refresh := func() {
		newCLI(&bytes.Buffer{}, &bytes.Buffer{}).execute(t.Context(), []string{"account", "refresh", "feed/main", "--project", dir})
		refreshed <- struct{}{}
	}

	file(t, dir, "stop", "130")
	go refresh()
	if pid := tapAt(t, dir, "stop", "377"); syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Fatal("the program could not be killed")
	}
	tapAt(t, dir, "stop", "")
	u.stop(syscall.SIGKILL, -1)
	<-refreshed
	if at := positionOf(t, dir); at != `{"position":350}` {
		t.Errorf("the state is %s, want that before record 377", at)
	}
	u = bringUp(t, dir)
	p := &accountProject{t: t, dir: dir, ref: "feed/main"}
	p.awaitPlace("done")
	u.stop(syscall.SIGTERM, 0)
	must(t, 0, "run", "--project", dir)
	got := must(t, 0, "get", "sums", "k", "--json", "--project", dir)
	want := fmt.Sprintf(`"artifact":{"rows":%d,"amount":"%d.00"}`, count, count*(count+1)/2+count/4)
	if flat := strings.NewReplacer(" ", "", "\n", "").Replace(got.out); !strings.Contains(flat, want) {
		t.Errorf("got %s, want %s", got.out, want)
	}
	must(t, 0, "verify", "--project", dir)
	if at := positionOf(t, dir); at != fmt.Sprintf(`{"position":%d}`, count) {
		t.Errorf("the state is %s in the end", at)
	}
}

// tapAt waits until the program stands still, changes where the next one does, and returns its process.
func tapAt(t *testing.T, dir, stop, next string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err == nil {
				err = os.Remove(filepath.Join(dir, "pid"))
			}
			if err != nil {
				t.Fatal(err)
			}
			file(t, dir, stop, next)
			return pid
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the program does not come to where it stops")
		}
	}
}

// positionOf is the state that the record of the account has.
func positionOf(t *testing.T, dir string) string {
	t.Helper()
	a, err := app.Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	one, err := a.Accounts().Get(t.Context(), account.Ref{Institution: "feed", Account: "main"})
	if err != nil {
		t.Fatal(err)
	}
	return one.Cursor
}
