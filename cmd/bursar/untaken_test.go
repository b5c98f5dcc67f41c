// bursar import of files of which no row is accepted.

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestUntakenEntries: where all entries of a statement are in quarantine, the hint does not deny its balances.
func TestUntakenEntries(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	text, err := os.ReadFile(sample(t, dir, "sample/camt053-2026-03-02.xml")[0])
	if err != nil {
		t.Fatal(err)
	}
	odd := regexp.MustCompile(`(?s)(<Ntry>.*?<Amt[^>]*>[0-9]+\.[0-9]+)`).ReplaceAllString(string(text), "${1}0000001")
	got := must(t, 1, "import", file(t, dir, "odd.xml", odd), "--project", dir)
	if !strings.Contains(got.err, "in quarantine") || !strings.Contains(got.err, "hint: rows in quarantine do not count: `bursar quarantine` shows them; balances and other content of these files were imported") {
		t.Errorf("import prints %s%s", got.out, got.err)
	}
	if !regexp.MustCompile(`balances +│ +1 │ +[1-9]`).MatchString(got.out) {
		t.Errorf("no balance was taken in: %s", got.out)
	}
}
