// Repairs that have less to go on: what cannot be made again is kept, and artifacts that can be read stay until others take
// their place.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fourBatches is a shop of four batches, of which the artifacts are made, and what is exported of it.
func fourBatches(t *testing.T) (dir, exported string) {
	t.Helper()
	dir = shop(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		must(t, 0, "ingest", "payments", file(t, dir, id+".jsonl", good(id)), "--project", dir)
	}
	must(t, 0, "run", "--project", dir)
	return dir, exportOfOrders(t, dir)
}

func exportOfOrders(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orders.jsonl")
	must(t, 0, "export", "orders", "--to", path, "--project", dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// batchFolder returns the folder of a batch of payments.
func batchFolder(dir, batch string) string {
	return filepath.Join(dir, ".bursar", "objects", "streams", "payments", "batches", batch)
}

func remove(t *testing.T, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("nothing is %s: %v", pattern, err)
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRepairOfARetractionNamesTheRebuild: after a catalog was put back that is older than a retraction, nothing is missing that a backup has.
func TestRepairOfARetractionNamesTheRebuild(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
	must(t, 0, "run", "--project", dir)
	state := filepath.Join(dir, ".bursar")
	older, err := os.ReadFile(filepath.Join(state, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	must(t, 0, "retract", "payments", "1", "--reason", why, "--project", dir)
	if err := os.WriteFile(filepath.Join(state, "catalog.db"), older, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, 1, "status", "--project", dir)
	got := must(t, 1, "repair", "--project", dir)
	if !strings.Contains(got.err, "hint: `bursar rebuild orders`") || strings.Contains(got.err, "--from") {
		t.Errorf("repair says %s%s", got.out, got.err)
	}
	must(t, 0, "rebuild", "orders", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "repair", "--project", dir)
}

// TestRepairWithAGap takes the catalog away and a batch, or its manifest, from the middle: the batches behind it are kept until the
// one comes back from a copy.
func TestRepairWithAGap(t *testing.T) {
	t.Parallel()
	base, want := fourBatches(t)
	for name, removed := range map[string]string{"a manifest": "00000002/manifest.json", "a batch": "00000002", "the first batch": "00000001"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			remove(t, filepath.Join(dir, ".bursar", "catalog.db*"), batchFolder(dir, removed))
			if got := bursar(t, "ingest", "payments", file(t, dir, "e.jsonl", good("e")), "--project", dir); got.code == 0 || !strings.Contains(got.err, "bursar repair") {
				t.Errorf("ingest ends with %d: %s%s", got.code, got.out, got.err)
			}
			if got := bursar(t, "repair", "--project", dir); got.code != 1 || !strings.Contains(got.err, "bursar repair --from") {
				t.Errorf("repair ends with %d: %s%s", got.code, got.out, got.err)
			}
			for _, batch := range []string{"00000003", "00000004"} {
				if _, err := os.Stat(filepath.Join(batchFolder(dir, batch), "events-0-0000.parquet")); err != nil {
					t.Errorf("the events of batch %s are gone: %v", batch, err)
				}
			}
			must(t, 0, "repair", "--from", base, "--project", dir)
			must(t, 0, "verify", "--project", dir)
			if got := exportOfOrders(t, dir); got != want {
				t.Errorf("exported is\n%swhere it was\n%s", got, want)
			}
		})
	}
}

// TestRepairWithoutADeclaration takes the catalog away from a project of which a stream is not declared any more: its events stay.
func TestRepairWithoutADeclaration(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, "streams/old.yaml", "stream: old\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n")
	must(t, 0, "ingest", "old", file(t, dir, "old.jsonl", `{"id":"1"}`+"\n"), "--project", dir)
	remove(t, filepath.Join(dir, "streams", "old.yaml"), filepath.Join(dir, ".bursar", "catalog.db*"))
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	paths, err := filepath.Glob(filepath.Join(dir, ".bursar", "objects", "streams", "old", "batches", "*", "events-*"))
	if err != nil || len(paths) != 1 {
		t.Errorf("%d objects hold its events, %v", len(paths), err)
	}
}

// TestRepairKeepsArtifacts repairs a project whose artifacts cannot be made again: those that are there stay.
func TestRepairKeepsArtifacts(t *testing.T) {
	t.Parallel()
	base, want := fourBatches(t)
	for name, harm := range map[string]func(dir string){
		"events are missing": func(dir string) { remove(t, filepath.Join(batchFolder(dir, "00000003"), "events-*")) },
		"a sum has changed": func(dir string) {
			path := filepath.Join(dir, "pipelines", "orders.yaml")
			text, err := os.ReadFile(path)
			changed := strings.Replace(string(text), "shipped + paid + refunded", "shipped", 1)
			if err != nil || changed == string(text) {
				t.Fatalf("the example conserves something else: %v", err)
			}
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			harm(dir)
			if got := bursar(t, "repair", "--project", dir); got.code != 1 {
				t.Errorf("repair ends with %d: %s%s", got.code, got.out, got.err)
			}
			declared, err := os.ReadFile(filepath.Join(base, "pipelines", "orders.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			file(t, dir, "pipelines/orders.yaml", string(declared))
			must(t, 0, "repair", "--from", base, "--project", dir)
			if got := exportOfOrders(t, dir); got != want {
				t.Errorf("exported is\n%swhere it was\n%s", got, want)
			}
		})
	}
}

// TestTotalPutBack declares a total anew with a condition that the artifacts do not have, tries it, and puts it back.
func TestTotalPutBack(t *testing.T) {
	t.Parallel()
	dir, want := fourBatches(t)
	path := filepath.Join(dir, "streams", "payments.yaml")
	declared, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(declared), "{sum: amount, by: currency}", `{sum: amount, by: currency, where: "event_id > 'b'"}`, 1)
	file(t, dir, "streams/payments.yaml", changed)
	must(t, 4, "rebuild", "orders", "--project", dir)
	must(t, 0, "ingest", "payments", file(t, dir, "e.jsonl", good("e")), "--project", dir)
	file(t, dir, "streams/payments.yaml", string(declared))
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "rebuild", "orders", "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	if got := exportOfOrders(t, dir); !strings.HasPrefix(got, want) {
		t.Errorf("exported is\n%swhere it was\n%s", got, want)
	}
}

// TestTotalGrouped groups a total that is conserved: runs of both definitions cannot be added up, so the pipeline waits for its rebuild.
func TestTotalGrouped(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	path := filepath.Join(dir, "streams", "payments.yaml")
	declared, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "streams/payments.yaml", strings.Replace(string(declared), "{sum: amount, by: currency}", "{sum: amount}", 1))
	must(t, 0, "ingest", "payments", file(t, dir, "a.jsonl", good("a")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	file(t, dir, "streams/payments.yaml", string(declared))
	must(t, 0, "ingest", "payments", file(t, dir, "b.jsonl", good("b")), "--project", dir)
	for _, command := range []string{"run", "verify"} {
		got := bursar(t, command, "--project", dir)
		if got.code != 1 || !strings.Contains(got.out+got.err, "bursar rebuild orders") {
			t.Errorf("%s ends with %d: %s%s", command, got.code, got.out, got.err)
		}
	}
	must(t, 0, "rebuild", "orders", "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "verify", "--project", dir)
}
