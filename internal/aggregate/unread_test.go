// Tests originals that cannot be read once more, in whole or in part, while something must be cancelled.

package aggregate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
)

// ownCSV declares CSV files of the account of `corrected`.
const ownCSV = "institution: bank\ncsv:\n  account: NL91ABNA0417164300\n  currency: EUR\n  columns:\n    booked: Day\n    amount: Amount\n"

// TestUnreadMembers cancels what a member of an archive lists, while other members cannot be read.
func TestUnreadMembers(t *testing.T) {
	t.Parallel()
	faulty := strings.Replace(corrected, "C25,", "C26,", 1)
	for name, members := range map[string][]string{
		"cut":           {"a.sta", faulty, "b.sta", corrected[:120]},
		"cut, first":    {"0.sta", corrected[:120], "a.sta", faulty},
		"of no format":  {"a.sta", faulty, "b.csv", "Day,Amount\n2024-03-04,26\n"},
		"the same name": {"a.sta", corrected[:120], "a.sta", faulty},
		"empty":         {"in/a.sta", faulty, "in/b.sta", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			if r, err := h.importer.Import(t.Context(), []string{h.file("x.zip", zipOf(t, members...))}, Options{}); err != nil || r.Err() == nil {
				t.Fatalf("the archive: %v, %v", err, r.Err())
			}
			if name == "of no format" { // it was refused at its import, and lists nothing that counts
				h.declare(ownCSV)
			}
			second := h.file("second", corrected)
			if r := h.imported(second); r.Cancelled != 1 || r.Err() != nil {
				t.Errorf("%d are taken back, want 1: %v", r.Cancelled, r.Err())
			}
			h.expectRepaired("4 PROVEN 20.00")
			if r := h.imported(second); !r.Files[0].Known {
				t.Error("it is not known")
			}
		})
	}
}

// TestUnreadOriginals reports what cannot be cancelled without an original that was read at its import, and cancels it
// once that can be read.
func TestUnreadOriginals(t *testing.T) {
	t.Parallel()
	faulty := strings.Replace(corrected, "C25,", "C26,", 1)
	const rows = "Day,Amount\n2024-03-03,10\n2024-03-05,3\n"
	for name, files := range map[string][]string{
		"a member of an archive": {"x.zip", zipOf(t, "a.sta", faulty, "b.csv", rows)},
		"a file":                 {"a.sta", faulty, "b.csv", rows},
		"the faulty one":         {"b.csv", rows, "x.zip", zipOf(t, "a.sta", faulty, "c.csv", strings.Replace(rows, "3\n", "4\n", 1))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			h.declare(ownCSV)
			for i := 0; i < len(files); i += 2 {
				h.imported(h.file(files[i], files[i+1]))
			}
			before := h.sum("entries", "amount")
			h.declare("institution: bank\n")
			second := h.file("second", corrected)
			for range 2 {
				r := h.imported(second)
				if r.Cancelled != 0 || r.Files[0].Known || r.Err() == nil || !strings.Contains(r.NotCancelled, ".csv (original statements/") || !strings.Contains(r.NotCancelled, "no known format") {
					t.Fatalf("%d taken back, known %v, %v: %s", r.Cancelled, r.Files[0].Known, r.Err(), r.NotCancelled)
				}
			}
			h.declare(ownCSV)
			if r := h.imported(second); r.Cancelled != 1 || r.Err() != nil {
				t.Errorf("%d are taken back, want 1: %v", r.Cancelled, r.Err())
			}
			if is := h.sum("entries", "amount"); statement.Subtract(before, is) != "1.00" && statement.Subtract(before, is) != "26.00" {
				t.Errorf("the sum was %s and is %s", before, is)
			}
			h.declare("institution: bank\n")
			if r := h.imported(h.file("third", strings.Replace(corrected, "rent", "the rent", 1))); r.NotCancelled != "" || r.Err() != nil {
				t.Errorf("nothing is left to be taken back: %v", r.Err())
			}
		})
	}
}

// TestMissingOriginal reports what cannot be cancelled because an original is missing.
func TestMissingOriginal(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	r := h.imported(h.file("first", strings.Replace(corrected, "C25,", "C26,", 1)))
	path := filepath.Join(h.dir, "objects", filepath.FromSlash(r.Files[0].Object))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	second := h.file("second", corrected)
	if r := h.imported(second); r.NotCancelled == "" || r.Err() == nil || r.Cancelled != 0 {
		t.Errorf("%d are taken back: %v", r.Cancelled, r.Err())
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if r := h.imported(second); r.NotCancelled != "" || r.Cancelled != 1 {
		t.Errorf("%d are taken back: %v", r.Cancelled, r.Err())
	}
	h.expectRepaired("4 PROVEN 20.00")
}

// declare replaces the institution.
func (h *fixture) declare(institution string) {
	h.Helper()
	h.file("project/institutions/bank.yaml", institution)
	h.importer.Project = h.read()
}

// expectRepaired compares verdicts and the sum of entries of the only account.
func (h *fixture) expectRepaired(want string) {
	h.Helper()
	a := h.judged("")
	if got := states(a[0].Intervals) + " " + h.sum("entries", "amount"); len(a) != 1 || got != want {
		h.Errorf("it is %s, want %s: %+v", got, want, a)
	}
}
