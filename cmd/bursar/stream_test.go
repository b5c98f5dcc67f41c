// stream infer: what it prints is a stream that takes the file.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInferredStreamTakesItsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	fees := file(t, dir, "fees.csv", "ref;amount;day\na-1;10.50;2025-03-03\na-2;7.25;2025-03-04\n")
	got := must(t, 0, "stream", "infer", fees)
	file(t, dir, "streams/fees.yaml", got.out)
	must(t, 0, "check", "--project", dir)
	v := value(t, must(t, 0, "ingest", "fees", fees, "--project", dir, "--json"))
	if v["accepted"] != 2.0 {
		t.Errorf("ingest by the inferred stream says %v", v)
	}
	if v := value(t, must(t, 0, "--json", "stream", "infer", fees)); v["yaml"] != got.out {
		t.Errorf("infer --json says %v", v)
	}
	array := file(t, dir, "export-2025.json", "[\n  {\"id\": \"c-1\", \"amount_cents\": 1050, \"created_at\": 1741000000},\n  {\"id\": \"c-2\", \"amount_cents\": 7.5}\n]\n")
	file(t, dir, "streams/charges.yaml", strings.Replace(must(t, 0, "stream", "infer", "--name", "charges", array).out, "type: \"decimal(18,1)\"", "type: int", 1))
	dry := value(t, must(t, 0, "ingest", "charges", array, "--project", dir, "--dry-run", "--json"))
	if r := item(t, dry, "rejected", 0); dry["accepted"] != 1.0 || r["row"] != 2.0 || r["column"] != "amount_cents" {
		t.Errorf("ingest of an array says %v", dry)
	}
	must(t, 2, "stream", "infer", "--name", "Charges", array)
	must(t, 1, "stream", "infer", filepath.Join(dir, "none.csv"))
	must(t, 2, "stream", "guess")
	if _, err := os.Stat(filepath.Join(dir, "streams", "none.yaml")); err == nil {
		t.Error("infer has written a file")
	}
}
