// Bank exports in CSV, as banks write them: small files with one feature each, and the declaration that reads it.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// caseFiles are files of the folder of cases whose names begin so; the test is skipped where there is no such folder.
func caseFiles(t *testing.T, beginning, ending string) []string {
	t.Helper()
	folder := os.Getenv("BURSAR_CASES")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "cases")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("%v: BURSAR_CASES names the folder of cases", err)
	}
	files, err := filepath.Glob(filepath.Join(folder, beginning+"*"+ending))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s*%s in %s, %v", beginning, ending, folder, err)
	}
	return files
}

// declaring makes a project with one institution.
func declaring(t *testing.T, csv string) string {
	t.Helper()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "institutions/acme.yaml", "institution: acme\ncsv:\n  "+strings.ReplaceAll(strings.TrimSpace(csv), "\n", "\n  ")+"\n")
	must(t, 0, "check", "--project", dir)
	return dir
}

// intervalLines returns the output of completeness: a line for each account and interval, without the reasons.
func intervalLines(t *testing.T, code int, dir string) string {
	t.Helper()
	var lines []string
	for _, a := range listIn(t, value(t, must(t, code, "completeness", "--project", dir, "--json")), "accounts") {
		account := object(t, a)
		for _, i := range listIn(t, account, "intervals") {
			interval := object(t, i)
			lines = append(lines, fmt.Sprintf("%v %v %v %v %v %v %v", account["account"], account["currency"], interval["from"], interval["to"],
				interval["state"], interval["entries"], interval["amount"]))
		}
	}
	return strings.Join(lines, "\n")
}

// inQuarantine are the rows of entries in quarantine: place, column and reason of each.
func inQuarantine(t *testing.T, dir string) []string {
	t.Helper()
	var rows []string
	for _, r := range listIn(t, value(t, must(t, 0, "quarantine", "entries", "--project", dir, "--json")), "rows") {
		row := object(t, r)
		rows = append(rows, fmt.Sprintf("%v %v: %v", row["place"], row["column"], row["reason"]))
	}
	return rows
}

const caseMarks = "delimiter: \";\"\ndecimal: \",\"\ngroup: \".\"\n"

// caseReads are the declarations with which the files are read as they are meant.
var caseReads = []struct {
	name, csv string
	want      []string // lines of intervalLines
	notices   []string
}{
	{
		"09-pending-row", `
delimiter: ","
date: "%Y-%m-%d %H:%M:%S"
account: {column: Product}
currency: {column: Currency}
columns:
  booked: Completed Date
  value: Started Date
  amount: Amount
  status: {column: State, booked: [COMPLETED], pending: [PENDING], ignored: [REVERTED]}
  text: Description`,
		[]string{"Current EUR 2024-03-01 2024-03-04 CLAIMED 3 70.00", "Current EUR 2024-03-05 2024-03-05 CLAIMED 1 -30.00"},
		[]string{"row left out 1"},
	},
	{
		"24-currencies-in-turn", `
decimal: ","
group: "."
date: "%d.%m.%Y"
account: pp-main
currency: {column: Currency}
columns: {booked: Date, amount: Net, reference: Transaction ID, text: Description, balance: Balance}`,
		[]string{"pp-main EUR 2024-03-04 2024-03-05 PROVEN 3 0.00", "pp-main USD 2024-03-04 2024-03-04 CLAIMED 2 0.00"}, // either order fits the two
		nil,
	},
	{
		"25-written-amounts", caseMarks + `
date: ["%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%y", "%Y-%m-%d"]
account: DE02120300000000202051
currency: EUR
prefix: ["€", EUR]
suffix: ["€", EUR]
negative: ["(*)", "* S"]
columns: {booked: Buchungstag, amount: Betrag, text: Zweck}`,
		[]string{"DE02120300000000202051 EUR 2024-03-04 2024-03-05 CLAIMED 14 -1931.00"},
		nil,
	},
	{
		"25b-dollar-signs", `
skip: 1
group: ","
date: "%m/%d/%Y"
account: CHK1
currency: USD
prefix: "$"
notes: [Posted Transactions]
columns: {booked: Date, credit: "Deposit (+)", debit: "Withdrawal (-)", text: Description, balance: RunningBalance}`,
		[]string{"CHK1 USD 2024-03-04 2024-03-05 PROVEN 2 989.50"},
		[]string{"note among the rows 1"},
	},
}

// TestCasesCSV imports each file of a case with the declaration that fits it.
func TestCasesCSV(t *testing.T) {
	t.Parallel()
	for _, c := range caseReads {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := caseFiles(t, c.name, ".csv")
			dir := declaring(t, c.csv)
			var notices []string
			for _, path := range files {
				part := item(t, item(t, imports(t, 0, dir, path), "files", 0), "parts", 0)
				if part["notices"] == nil {
					continue
				}
				for _, n := range listIn(t, part, "notices") {
					notices = append(notices, fmt.Sprintf("%v %v", object(t, n)["what"], object(t, n)["count"]))
				}
			}
			if got := intervalLines(t, 0, dir); got != strings.Join(c.want, "\n") {
				t.Errorf("completeness says\n%s\nwant\n%s", got, strings.Join(c.want, "\n"))
			}
			if strings.Join(notices, "\n") != strings.Join(c.notices, "\n") {
				t.Errorf("notices %q, want %q", notices, c.notices)
			}
			if rows := inQuarantine(t, dir); len(rows) > 0 {
				t.Errorf("in quarantine: %q", rows)
			}
		})
	}
}

// TestCasesCSVUndeclared imports the same kinds of file with declarations that lack what they need: what cannot be read is in
// quarantine with what to declare, and never counts.
func TestCasesCSVUndeclared(t *testing.T) {
	t.Parallel()
	const head = caseMarks + "account: {column: Konto}\ncurrency: {column: Cur}\ndate: [\"%d.%m.%Y\", \"%m.%d.%Y\"]\n"
	dir := declaring(t, head+"prefix: EUR\ncolumns: {booked: Tag, value: Valuta, amount: Betrag, status: {column: S, booked: [B], pending: [P]}}")
	text := "Konto;Cur;Tag;Valuta;Betrag;S\n" +
		"1;EUR;13.03.2024;;1,00;B\n" +
		"1;EUR;13.03.2024;;€ 2,00;B\n" +
		"1;USD;13.03.2024;;EUR 3,00;B\n" +
		"1;EUR;;13.03.2024;4,00;B\n" +
		"1;EUR;03.04.2024;;5,00;B\n" +
		"1;EUR;13.03.2024;;6,00;X\n" +
		"1;;13.03.2024;;7,00;B\n" +
		";EUR;13.03.2024;;8,00;B\n" +
		"1;EUR;13.03.2024;;;B\n" +
		"1;EUR;13/03/2024;;9,00;B\n" +
		"1;EUR;;13.03.2024;10,00;P\n"
	imports(t, 0, dir, file(t, t.TempDir(), "umsatz.csv", text))
	want := []string{
		"3:1 amount: column `Betrag` is `€ 2,00`, which is not a number with decimal mark `,` and group mark `.`: " +
			"`€` stands before the number and is not declared: declare `prefix: [\"€\"]`",
		"5:1 day: column `Tag` is empty, and a row needs it",
		"6:1 day: column `Tag` is `03.04.2024`: written %d.%m.%Y it is 2024-04-03, and written %m.%d.%Y it is 2024-03-04: declare one of the two",
		"7:1 status: column `S` is `X`, which is neither `booked`, `pending` nor `ignored`",
		"8:1 currency: the row names no currency",
		"9:1 account: the row names no account",
		"10:1 amount: column `Betrag` is empty, and a row needs it",
		"11:1 day: column `Tag` is `13/03/2024`: it is not written in any of the declared ways: %d.%m.%Y, %m.%d.%Y",
		"4:1 amount: column `Betrag` is `EUR 3,00`, and `EUR` is another currency than the row's `USD`",
	}
	if got := inQuarantine(t, dir); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("in quarantine are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for account, a := range accountsOf(t, 4, dir) {
		for _, i := range a.Intervals {
			if i.State != completeness.Broken {
				t.Errorf("account %s: %+v", account, i)
			}
		}
	}
}

// TestNothingTakenIn imports files of which every row is in quarantine, in several formats: the exit code says so each time, and a
// file beside them is taken in.
func TestNothingTakenIn(t *testing.T) {
	t.Parallel()
	dir := declaring(t, "account: {column: Konto}\ncurrency: EUR\ncolumns: {booked: Tag, amount: Betrag}")
	files := []string{
		file(t, t.TempDir(), "undeclared.csv", "Konto,Tag,Betrag\n1,2024-03-04,5 EUR\n1,2024-03-04,6 EUR\n"),
		file(t, t.TempDir(), "undated.csv", "Konto,Tag,Betrag\n1,,5\n"),
		file(t, t.TempDir(), "accountless.csv", "Konto,Tag,Betrag\n,2024-03-04,5\n"),
		file(t, t.TempDir(), "accountless.sta", ":20:ABC\n:28C:1/1\n:60F:C240101EUR10,00\n:61:2401020102C5,00NTRFA//B\n:62F:C240102EUR15,00\n-\n"),
	}
	for range 2 { // it is not remembered as taken in
		for i, path := range files {
			want := "its only entry is in quarantine: "
			if i == 0 {
				want = "all 2 entries are in quarantine; the first: "
			}
			got := must(t, 1, "import", path, "--project", dir)
			if !strings.Contains(got.err, want) || strings.Contains(got.err, "2006") {
				t.Errorf("%s: standard error %s", filepath.Base(path), got.err)
			}
		}
	}
	good := file(t, t.TempDir(), "good.csv", "Konto,Tag,Betrag\n2,2024-03-04,5\n2,,6\n")
	v := imports(t, 1, dir, files[0], good)
	if taken := object(t, object(t, v["streams"])["entries"]); taken["accepted"] != 1.0 {
		t.Errorf("the valid file gives %v", taken)
	}
}
