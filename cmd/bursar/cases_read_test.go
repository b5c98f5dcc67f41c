// Statement files as banks write them: small files with one feature each, and their expected verdicts.

package main

import (
	"strings"
	"testing"
)

// readCases are files of one case, imported in the order of their names.
var readCases = []struct {
	name     string
	imported int      // exit code of the last import
	code     int      // of completeness
	want     []string // lines of intervalLines
	reasons  []string // what the intervals' reasons say, in their order; those without a reason are left out
}{
	{
		"10-entry-date-year", 0, 0,
		[]string{"DE73100200300001234567 EUR 2024-12-30 2024-12-30 PROVEN 1 -10.00"},
		nil,
	},
	{"18-pages-over-days", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-02 2024-03-05 PROVEN 2 7.00"}, nil},
	{
		"21-no-account", 1, 4,
		[]string{" EUR 2024-01-02 2024-01-02 BROKEN 1 5.00"},
		[]string{"no account: the statement is in quarantine: 1:1: it does not name the account that it is of"},
	},
	{
		"22-closings-not-held", 0, 4,
		[]string{"12345-6 BRL 2024-01-01 2024-01-31 CLAIMED 2 -30.00", "12345-6 BRL 2024-02-01 2024-02-29 BROKEN 1 -15.00"},
		[]string{
			"the bank states no totals",
			"the statement before closed with 70.00 on 2024-01-31, and the entries since of -15.00 make 55.00; by what it closes with it is 30.00: -25.00 is missing",
		},
	},
	{"27-no-type-code", 0, 0, []string{"1000000001 NGN 2020-11-30 2020-11-30 PROVEN 2 199.50"}, nil},
	{
		"29-reversal-by-the-original", 0, 4,
		[]string{"NL91ABNA0417164300 EUR 2024-03-04 2024-03-04 BROKEN 1 -20.00"},
		[]string{"opening 100.00 and 1 entries of -20.00 make 80.00, the closing balance is 120.00: 40.00 is missing; with its reversals read by the direction of " +
			"the entries that they take back it would hold: if the bank writes them so, declare `reversals: original` for the institution"},
	},
	{"30-point-as-decimal-mark", 0, 0, []string{"0800003200000001610722 EUR EUR 2003-01-07 2003-01-07 PROVEN 1 20.00"}, nil},
	{"37-entry-in-other-currency", 0, 0, []string{"CH9300762011623852957 CHF 2024-03-04 2024-03-04 PROVEN 1 109.36"}, nil},
	{"40a-timewrap", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-04 2024-03-04 PROVEN 1 -44.04"}, nil},
	{"40b-linebreak", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-04 2024-03-04 PROVEN 1 30.00"}, nil},
	{"40c-hyphen", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-04 2024-03-04 PROVEN 1 5.00"}, nil},
	{"40d-rc", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-04 2024-03-04 PROVEN 2 -15.00"}, nil},
	{"40e-nocomma", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-04 2024-03-04 PROVEN 1 20.00"}, nil},
	{"40f-longref", 0, 0, []string{"DE73100200300001234567 EUR 2024-03-04 2024-03-04 PROVEN 1 -20.00"}, nil},
	{
		"40g-no20", 0, 0,
		[]string{"NL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 1 10.00", "NL91ABNA0417164300 EUR 2024-03-05 2024-03-05 PROVEN 1 -5.00"},
		nil,
	},
	{"40h-expected", 0, 0, []string{"DE73100200300001234567 EUR 2024-12-12 2024-12-12 CLAIMED 0 0.00"}, []string{"its counts and sums hold; it states no opening and closing balance"}},
}

// TestCasesRead imports each file of a case and asks for the completeness.
func TestCasesRead(t *testing.T) {
	t.Parallel()
	for _, c := range readCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file(t, dir, "bursar.yaml", "")
			last := 0
			for _, path := range caseFiles(t, c.name, "") {
				last = bursar(t, "import", path, "--project", dir).code
			}
			if last != c.imported {
				t.Errorf("import ends with %d, want %d", last, c.imported)
			}
			if got := intervalLines(t, c.code, dir); got != strings.Join(c.want, "\n") {
				t.Errorf("completeness says\n%s\nwant\n%s", got, strings.Join(c.want, "\n"))
			}
			if got := reasonsOf(t, c.code, dir); strings.Join(got, "\n") != strings.Join(c.reasons, "\n") {
				t.Errorf("the reasons are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.reasons, "\n"))
			}
			if rows := inQuarantine(t, dir); len(rows) > 0 && c.imported == 0 {
				t.Errorf("in quarantine: %q", rows)
			}
		})
	}
}

// TestCaseReversalDeclared imports reversals of an institution that declares which direction they have.
func TestCaseReversalDeclared(t *testing.T) {
	t.Parallel()
	files := caseFiles(t, "29-reversal-by-the-original", "")
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "institutions/bank.yaml", "institution: bank\naccounts: [NL91ABNA0417164300]\nreversals: original\n")
	must(t, 0, "check", "--project", dir)
	imports(t, 0, dir, files...)
	if got := intervalLines(t, 0, dir); got != "NL91ABNA0417164300 EUR 2024-03-04 2024-03-04 PROVEN 1 20.00" {
		t.Error(got)
	}
}

// reasonsOf are the reasons of the intervals that have one.
func reasonsOf(t *testing.T, code int, dir string) (reasons []string) {
	t.Helper()
	for _, a := range listIn(t, value(t, must(t, code, "completeness", "--project", dir, "--json")), "accounts") {
		for _, i := range listIn(t, object(t, a), "intervals") {
			if reason, ok := object(t, i)["reason"].(string); ok {
				reasons = append(reasons, reason)
			}
		}
	}
	return reasons
}
