// By which rules a project tells entries apart, and what declarations may change once statements were imported.

package main

import (
	"strings"
	"testing"
)

// TestFirstImportInQuarantine imports a file of which every entry is in quarantine before any other, and then two that overlap: they are
// told apart by the rules of today, also where the quarantine was retried, or was imported again, in between.
func TestFirstImportInQuarantine(t *testing.T) {
	t.Parallel()
	for name, between := range map[string][]string{"imported": nil, "retried": {"quarantine", "entries", "--retry"}, "again": {"import", ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := declaring(t, "account: {column: Konto}\ncurrency: EUR\ncolumns: {booked: Tag, amount: Betrag}")
			undated := file(t, t.TempDir(), "undated.csv", "Konto,Tag,Betrag\n1,,5\n1,,6\n")
			must(t, 1, "import", undated, "--project", dir)
			switch {
			case name == "again":
				must(t, 1, "import", undated, "--project", dir)
			case between != nil:
				must(t, 0, append(between, "--project", dir)...)
			}
			for i, text := range []string{"1,2024-03-04,10.50\n1,2024-03-05,7\n", "1,2024-03-05,7.00\n1,2024-03-04,10.5\n1,2024-03-06,1\n"} {
				good := imports(t, 0, dir, file(t, t.TempDir(), "good.csv", "Konto,Tag,Betrag\n"+text))
				entries := object(t, object(t, good["streams"])["entries"])
				if good["older_rules"] != nil || entries["accepted"] != float64(2-i) || entries["quarantined"] != 0.0 {
					t.Errorf("file %d of a new project: older rules %v, entries %v", i, good["older_rules"], entries)
				}
			}
			if got := told(t, 4, dir); !strings.Contains(got, "1 EUR 2024-03-04 2024-03-06 CLAIMED 3 18.50") {
				t.Errorf("completeness says\n%s", got)
			}
		})
	}
}
