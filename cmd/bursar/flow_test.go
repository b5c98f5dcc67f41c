// The way of events through all commands, and the fields that --json promises.

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFlow(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	sample := filepath.Join(dir, "sample", "payments.jsonl")
	at := func(args ...string) []string { return append([]string{"--project", dir, "--json"}, args...) }

	if v := value(t, must(t, 0, at("check")...)); v["ok"] != true {
		t.Errorf("check says %v", v)
	}
	if _, err := os.Stat(filepath.Join(dir, ".bursar")); err == nil {
		t.Error("check has made state")
	}
	v := value(t, must(t, 0, at("ingest", "payments", sample, "--dry-run")...))
	if v["batch"] != 0.0 || v["accepted"] != 20.0 {
		t.Errorf("dry run says %v", v)
	}
	v = value(t, must(t, 0, at("ingest", "payments", sample)...))
	wantFields(t, v, "batch", "rows", "accepted", "quarantined", "duplicates", "totals", "digest")
	if v["batch"] != 1.0 || v["rows"] != 20.0 || v["accepted"] != 20.0 {
		t.Errorf("ingest says %v", v)
	}
	if v := value(t, must(t, 0, at("ingest", "payments", sample)...)); v["batch"] != 0.0 || v["duplicates"] != 20.0 {
		t.Errorf("ingesting a file again says %v", v)
	}
	must(t, 3, at("get", "orders", "o-1003", "USD")...)
	status := item(t, value(t, must(t, 0, at("status")...)), "pipelines", 0)
	if status["backlog"] != 1.0 || status["backlog_events"] != 20.0 || status["watermark"] != nil {
		t.Errorf("status before the run is %v", status)
	}

	done := item(t, value(t, must(t, 0, at("run")...)), "runs", 0)
	wantFields(t, done, "pipeline", "run", "batches", "events", "created", "updated", "seconds", "steps", "balanced")
	wantFields(t, done["steps"], "reduce", "prefetch", "merge", "index", "publish")
	if done["events"] != 20.0 || done["balanced"] != true {
		t.Errorf("run says %v", done)
	}
	if v := value(t, must(t, 0, at("run", "orders")...)); length(t, v, "runs") != 0 {
		t.Errorf("a second run says %v", v)
	}
	status = item(t, value(t, must(t, 0, at("status")...)), "pipelines", 0)
	wantFields(t, status, "pipeline", "generation", "runs", "backlog", "watermark", "artifacts")
	if status["backlog"] != 0.0 || status["runs"] != 1.0 || status["watermark"] == nil {
		t.Errorf("status after the run is %v", status)
	}
	testQueries(t, at)
	testProofs(t, at)
}

// testQueries asks for the artifacts of the sample.
func testQueries(t *testing.T, at func(...string) []string) {
	t.Helper()
	v := value(t, must(t, 0, at("get", "orders", "o-1003", "USD", "--history")...))
	wantFields(t, v, "key", "run", "watermark", "artifact", "history")
	wantFields(t, v["artifact"], "shipped", "paid", "refunds", "status")
	wantFields(t, item(t, v, "history", 0), "run", "artifact")
	if array := must(t, 0, at("get", "orders", `["o-1003","USD"]`, "--as-of", "1")...); !strings.Contains(array.out, `"o-1003"`) {
		t.Errorf("get by a JSON array says %s", array.out)
	}
	wantFields(t, value(t, must(t, 0, append([]string{"--history"}, at("get", "orders", "o-1003", "USD")...)...)), "history")
	must(t, 3, at("get", "orders", "nobody", "USD")...)
	must(t, 2, at("get", "orders", "o-1003")...)
	must(t, 2, at("get", "orders", "o-1003", "USD", "more")...)

	open := value(t, must(t, 0, at("exceptions", "orders")...))
	wantFields(t, item(t, open, "exceptions", 0), "key", "since", "age_days", "artifact")

	to := filepath.Join(t.TempDir(), "orders.jsonl")
	v = value(t, must(t, 0, at("export", "orders", "--to", to)...))
	text, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	if v["digest"] != hex.EncodeToString(sum[:]) || v["rows"] != float64(strings.Count(string(text), "\n")) {
		t.Errorf("export says %v of\n%s", v, text)
	}
	if entries, _ := os.ReadDir(filepath.Dir(to)); len(entries) != 1 {
		t.Errorf("export left %v", entries)
	}
}

// testProofs rebuilds and verifies.
func testProofs(t *testing.T, at func(...string) []string) {
	t.Helper()
	v := value(t, must(t, 0, at("rebuild", "orders")...))
	wantFields(t, v, "generation", "digest_before", "digest_after")
	if v["generation"] != 2.0 || v["digest_before"] != v["digest_after"] {
		t.Errorf("rebuild says %v", v)
	}
	v = value(t, must(t, 0, at("verify", "orders", "--sample", "3")...))
	wantFields(t, item(t, v, "checks", 0), "name", "ok", "detail")
	if v["ok"] != true {
		t.Errorf("verify says %v", v)
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	good, err := os.ReadFile(filepath.Join(dir, "sample", "payments.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	mixed := file(t, dir, "mixed.jsonl", string(good)+badRow)

	// Beyond the limit nothing is sealed; the counts are printed all the same.
	over := must(t, 1, "ingest", "payments", mixed, "--max-rejected", "1%", "--project", dir, "--json")
	if v := value(t, over); v["batch"] != 0.0 || v["quarantined"] != 1.0 {
		t.Errorf("ingest beyond the limit says %v", v)
	}
	v := value(t, must(t, 0, "ingest", "payments", mixed, "--max-rejected", "0.05", "--project", dir, "--json"))
	if v["quarantined"] != 1.0 || v["accepted"] != 20.0 {
		t.Errorf("ingest says %v", v)
	}
	row := item(t, value(t, must(t, 0, "quarantine", "--project", dir, "--json")), "rows", 0)
	wantFields(t, row, "stream", "batch", "file", "row", "column", "reason", "raw")
	if row["row"] != 21.0 || row["column"] != "type" || row["raw"] != strings.TrimSpace(badRow) || row["file"] != mixed {
		t.Errorf("quarantine says %v", row)
	}
	if text := must(t, 0, "quarantine", "payments", "--project", dir); !strings.Contains(text.out, "1 row is in quarantine") {
		t.Errorf("quarantine prints %s", text.out)
	}

	only := file(t, dir, "only.jsonl", strings.Replace(badRow, "bad", "bad2", 1))
	got := must(t, 1, "ingest", "payments", only, "--project", dir)
	if !strings.Contains(got.err, "only.jsonl row 1, column type") || !strings.Contains(got.out, "Sealed batch 2") {
		t.Errorf("a file of rejected rows prints\n%s%s", got.out, got.err)
	}

	// Ingested again it is known, and its row is still not accepted.
	if again := must(t, 0, "ingest", "payments", only, "--project", dir); !strings.Contains(again.out, "Rows of only.jsonl are still in quarantine") ||
		!strings.Contains(again.out, "next: bursar quarantine payments --retry") {
		t.Errorf("the file again prints\n%s", again.out)
	}

	// With the value allowed, both rows come out of quarantine.
	stream := filepath.Join(dir, "streams", "payments.yaml")
	text, err := os.ReadFile(stream)
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "streams/payments.yaml", strings.Replace(string(text), "in: [shipment,", "in: [gift, shipment,", 1))
	v = value(t, must(t, 0, "quarantine", "payments", "--retry", "--project", dir, "--json"))
	if retried := item(t, v, "retried", 0); retried["accepted"] != 2.0 || length(t, v, "rows") != 0 {
		t.Errorf("retry says %v", v)
	}
	if text := must(t, 0, "quarantine", "--retry", "--project", dir); !strings.Contains(text.out, "The quarantine is empty") {
		t.Errorf("an empty quarantine prints %s", text.out)
	}
}
