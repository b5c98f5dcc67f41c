// What completeness prints can be given back to it.

package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// TestCompletenessNamesCanBeGiven copies account and interval from what is printed: of an account of a servicer, of one whose name has blanks,
// and of statements that name none.
func TestCompletenessNamesCanBeGiven(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	file(t, dir, "institutions/acme.yaml", "institution: acme\nservicer: AGBLLT2X\naccounts: [LT625883379695428516, \"my account\"]\nstatements: {calendar: weekdays, since: 2024-03-07}\n")
	nameless := strings.Replace(strings.ReplaceAll(oneAccount("1", "240304", "100,00", "10,00", "120,00"), " ", ""), ":25:NL91ABNA0417164300\n", "", 1)
	must(t, 1, "import", file(t, dir, "a.sta", nameless), "--project", dir)
	args := []string{"completeness", "--project", dir, "--until", "2024-03-12"}
	got := must(t, 4, args...)
	accounts := map[string]bool{}
	for line := range strings.SplitSeq(got.out, "\n") {
		if cells := strings.Split(line, "│"); len(cells) == 11 && strings.TrimSpace(cells[1]) != "account" {
			account := strings.TrimSpace(cells[1])
			accounts[account] = true
			one := bursar(t, append(args, strings.Trim(account, "'"))...)
			if one.code == 3 || !strings.Contains(one.out, account) {
				t.Errorf("completeness %s ends with %d: %s%s", account, one.code, one.out, one.err)
			}
		}
	}
	for _, account := range []string{"LT625883379695428516", "'my account'", "''"} {
		if !accounts[account] {
			t.Errorf("%s is not printed: %s", account, got.out)
		}
	}
	_, line, _ := strings.Cut(got.out, "UNKNOWN LT625883379695428516 (AGBLLT2X) 2024-03-07")
	_, name, found := strings.Cut(line, "bursar completeness --accept ")
	if !found {
		t.Fatalf("no interval is named that is UNKNOWN: %s", got.out)
	}
	// Without --until the calendar ends with the last day that a statement speaks of.
	for _, i := range accountsOf(t, 4, dir)["LT625883379695428516"].Intervals {
		if i.State == completeness.Unknown && i.Name != name[:16] {
			t.Errorf("the interval is named %s, and printed is %s", i.Name, name[:16])
		}
	}
	if got := must(t, 3, append(args, "AGBLLT2X LT625883379695428516")...); !strings.Contains(got.err, "hint: `bursar completeness` lists the accounts") {
		t.Errorf("an account that is not there: %s", got.err)
	}
}

// TestCompletenessColumns: other columns have the same intervals and sentences; a narrow terminal names the way to hidden columns.
func TestCompletenessColumns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	broken := file(t, dir, "b.sta", strings.ReplaceAll(oneAccount("2", "240305", "120,00", "10,00", "140,00"), " ", ""))
	must(t, 0, "import", file(t, dir, "a.sta", strings.ReplaceAll(oneAccount("1", "240304", "100,00", "20,00", "120,00"), " ", "")), broken, "--project", dir)
	args := []string{"completeness", "--project", dir}
	for _, flags := range [][]string{{"--columns", "account,from,state"}, {"--format", "vertical"}} {
		for _, all := range []bool{false, true} {
			flags := slices.Clone(flags)
			if all {
				flags = append(flags, "--all")
			}
			got := must(t, 4, append(args, flags...)...).out
			if strings.Contains(got, "2024-03-04") != all || !strings.Contains(got, "2024-03-05") {
				t.Errorf("%v shows\n%s", flags, got)
			}
			for _, want := range []string{"BROKEN NL91ABNA0417164300", "BROKEN: a total does not balance", "No calendar is declared"} {
				if !strings.Contains(got, want) {
					t.Errorf("%v: no %q in\n%s", flags, want, got)
				}
			}
		}
	}
	var out, err bytes.Buffer
	newCLI(remoteTerminal{&out, 60}, &err).execute(t.Context(), append(args, "--all"))
	if want := "why; use --columns or --format vertical; the lines below explain."; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}

// TestCompletenessOfUnreadableBalance: an opening balance that cannot be read has no value in a column, and the reason quotes it.
func TestCompletenessOfUnreadableBalance(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	must(t, 0, "import", file(t, dir, "a.sta", oneAccount("1", "240304", "100,00", "20,00", "120,00")), "--project", dir)
	got := must(t, 4, "completeness", "--format", "csv", "--columns", "opening,closing,reason", "--project", dir).out
	if !strings.Contains(got, "\n,120.00000,") || !strings.Contains(got, ":60F:C240304 EUR100,00") {
		t.Errorf("the interval is %s", got)
	}
}

// TestImportOnTerminal: what became of a file is visible on a narrow terminal, and other files are named only if there are some.
func TestImportOnTerminal(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	a, bad := file(t, dir, "a-statement-with-a-long-name.sta", strings.ReplaceAll(oneAccount("1", "240304", "100,00", "20,00", "120,00"), " ", "")), file(t, dir, "t.xlsx", "PK")
	if got := must(t, 1, "import", bad, "--project", dir); !strings.Contains(got.err, "nothing of these files counts\n") {
		t.Errorf("one file is refused: %s", got.err)
	}
	if got := must(t, 1, "import", a, bad, "--project", dir); !strings.Contains(got.err, "nothing of these files counts; the other files were imported\n") {
		t.Errorf("one file of two is refused: %s", got.err)
	}
	got := onTerminal(t, 60, "import", a, "--project", dir)
	for _, want := range []string{"│ note ", "│ already known │", "columns hidden: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
