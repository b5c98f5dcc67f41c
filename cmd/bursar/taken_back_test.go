//go:build linux

// An import that cannot take back what a corrected statement replaced, as an original cannot be read once more.

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/aggregate"
)

// TestNotTakenBack names the original, ends with 1, and takes back once it can be read.
func TestNotTakenBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	const mapping = "institution: bank\ncsv:\n  account: NL91ABNA0417164300\n  currency: EUR\n  columns:\n    booked: Day\n    amount: Amount\n"
	file(t, dir, "institutions/bank.yaml", mapping)
	imports(t, 0, dir, mt940(t, dir, "a.sta", "7", "240304", "100,00", "26,00", "120,00"), file(t, dir, "b.csv", "Day,Amount\n2024-03-03,10\n2024-03-05,3\n"))
	file(t, dir, "institutions/bank.yaml", "institution: bank\n")
	right := mt940(t, dir, "c.sta", "7", "240304", "100,00", "20,00", "120,00")
	got := must(t, 1, "import", "--project", dir, right)
	if !strings.Contains(got.err, "is not taken back: read b.csv") || strings.Contains(got.err, "were not imported") {
		t.Errorf("import says %s", got.err)
	}
	var r aggregate.Result
	if got := must(t, 1, "import", "--project", dir, "--json", right); json.Unmarshal([]byte(got.out), &r) != nil || r.NotCancelled == "" {
		t.Errorf("import prints %s", got.out)
	}
	file(t, dir, "institutions/bank.yaml", mapping)
	if got := must(t, 0, "import", "--project", dir, right); !strings.Contains(got.out, "Withdrew 1 entry") {
		t.Errorf("import says %s", got.out)
	}
}
