// stream infer: what it prints is a stream that takes the file.

package main

import (
	"os"
	"path/filepath"
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
	must(t, 1, "stream", "infer", filepath.Join(dir, "none.csv"))
	must(t, 2, "stream", "guess")
	if _, err := os.Stat(filepath.Join(dir, "streams", "none.yaml")); err == nil {
		t.Error("infer has written a file")
	}
}
