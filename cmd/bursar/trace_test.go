// bursar trace through the command line.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTraceLeadsIntoTheBanksFile follows a day of an account to the places of its entries and balances in the files that the
// bank sent, as they are kept.
func TestTraceLeadsIntoTheBanksFile(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	sample, err := filepath.Glob(filepath.Join(dir, "sample", "*"))
	if err != nil {
		t.Fatal(err)
	}
	imports(t, 0, dir, sample...)
	must(t, 0, "run", "--project", dir)
	key := []string{"DE89370400440532013000", "EUR", "2026-03-03"}
	text := must(t, 0, append([]string{"trace", "--project", dir, "--json", "days"}, key...)...)
	var v struct {
		Key    []string
		Runs   []struct{ Events, Run int }
		Events []struct {
			Stream, File, Place string
			Row                 int
			Event               struct{ Object, Place, Amount string }
		}
	}
	if err := json.Unmarshal([]byte(text.out), &v); err != nil || strings.Join(v.Key, " ") != strings.Join(key, " ") {
		t.Fatalf("%v in %s", err, text.out)
	}
	tags := map[string]string{"entries": "<Ntry>", "balances": "<Bal>"}
	for _, e := range v.Events {
		kept, err := os.ReadFile(filepath.Join(dir, ".bursar", "objects", e.Event.Object))
		if err != nil {
			t.Fatal(err)
		}
		var row, column int
		if _, err := fmt.Sscanf(e.Place, "%d:%d", &row, &column); err != nil || row != e.Row || e.Place != e.Event.Place {
			t.Fatalf("%+v: %v", e, err)
		}
		if at := strings.Split(string(kept), "\n")[row-1][column-1:]; !strings.HasPrefix(at, tags[e.Stream]) {
			t.Errorf("%s of %s is traced to %s:%s: %.40s", e.Stream, e.Event.Amount, e.File, e.Place, at)
		}
	}
	if len(v.Runs) != 1 || v.Runs[0].Events != len(v.Events) || len(v.Events) < 3 {
		t.Errorf("%d events of %+v", len(v.Events), v.Runs)
	}
	table := must(t, 0, append([]string{"trace", "--project", dir, "days"}, key...)...).out
	want := fmt.Sprintf("%d events in 1 run, the same number as was folded.", len(v.Events))
	if !strings.Contains(table, want) || !strings.Contains(table, v.Events[0].Place) || !strings.Contains(table, "camt053-2026-03-03.xml") {
		t.Errorf("want %q in\n%s", want, table)
	}
}

// TestTraceOverRuns: of two files with one event in common each run has its own, and the key's events stand by run and row.
func TestTraceOverRuns(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	late := line(`"c"`, `"2.50"`, today, `"a"`)
	for _, path := range []string{file(t, dir, "first.jsonl", good("b")+good("a")), file(t, dir, "second.jsonl", good("a")+good("d")+late)} {
		must(t, 0, "ingest", "--project", dir, "payments", path)
		must(t, 0, "run", "--project", dir)
	}
	v := value(t, must(t, 0, "trace", "--project", dir, "--json", "orders", "a", "USD"))
	wantFields(t, v, "key", "run", "watermark", "runs", "events")
	wantFields(t, item(t, v, "runs", 1), "run", "batches", "events", "artifact")
	for i, want := range []string{`1 payments 1 a first.jsonl 2`, `2 payments 2 c second.jsonl 3`} {
		e := item(t, v, "events", i)
		wantFields(t, e, "event")
		if got := fmt.Sprint(e["run"], " ", e["stream"], " ", e["batch"], " ", e["id"], " ", filepath.Base(words(e, "file")), " ", e["row"]); got != want {
			t.Errorf("event %d is %s, want %s", i, got, want)
		}
	}
	table := must(t, 0, "trace", "--project", dir, "orders", "a", "USD", "--limit", "1").out
	for _, want := range []string{"type payment, amount 1.00 USD, occurred_at 2025-03-03T09:12:00Z", "… and 1 more", "2 events in 2 runs"} {
		if !strings.Contains(table, want) {
			t.Errorf("there is no %q in\n%s", want, table)
		}
	}
	must(t, 3, "trace", "--project", dir, "orders", "nosuch", "USD")
	must(t, 3, "trace", "--project", dir, "nosuch", "a", "USD")
	must(t, 2, "trace", "--project", dir, "orders", "a")
	must(t, 2, "trace", "--project", dir, "orders")
}
