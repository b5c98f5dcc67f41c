//go:build linux

// Files that are imported again after what their first import advised was declared.

package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

const advised = `institution: rev
csv:
  delimiter: ";"
  decimal: ","
%group  account: {column: Konto}
  currency: EUR
  columns:
    booked: Tag
    amount: Betrag
%status    text: Text
`

// reversed is a statement that is consistent if its reversal has the direction of the entry that it reverses.
const reversed = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>A</MsgId><CreDtTm>2024-03-04T18:00:00</CreDtTm></GrpHdr>
<Stmt><Id>A</Id><CreDtTm>2024-03-04T18:00:00</CreDtTm><Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-03-04</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">120.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2024-03-04</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">20.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><RvslInd>true</RvslInd><Sts>BOOK</Sts><BookgDt><Dt>2024-03-04</Dt></BookgDt>
<NtryDtls><TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">20.00</Amt></TxAmt></AmtDtls></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>
`

// mapped declares how the CSV files of advised are read.
func mapped(t *testing.T, dir, group, status string) {
	t.Helper()
	file(t, dir, "institutions/rev.yaml", strings.NewReplacer("%group", group, "%status", status).Replace(advised))
}

// sumOf returns the sum of an account's entries by completeness, and its number of intervals by state.
func sumOf(t *testing.T, code int, dir, account string) (amount string, a completeness.Account) {
	t.Helper()
	a = accountsOf(t, code, dir)[account]
	for _, i := range a.Intervals {
		amount += i.Amount
	}
	return amount, a
}

// wantSealed fails the test unless the entries that are booked sum up to an amount.
func wantSealed(t *testing.T, dir, amount string) {
	t.Helper()
	file(t, dir, "pipelines/sums.yaml", "pipeline: sums\nfrom: entries\nkey: [account, currency]\nartifact:\n  moved: {sum: amount, where: \"status = 'BOOK'\"}\n")
	must(t, 0, "run", "--project", dir)
	if got := exported(t, dir, "sums"); !strings.Contains(got, `"`+amount+`"`) {
		t.Errorf("the entries are %s, want %s", got, amount)
	}
	if err := os.Remove(filepath.Join(dir, "pipelines", "sums.yaml")); err != nil {
		t.Fatal(err)
	}
}

// TestReversalsDeclaredLater declares which direction reversals have after a file was imported, and imports it again.
func TestReversalsDeclaredLater(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	path := file(t, dir, "a.xml", reversed)
	imports(t, 0, dir, path)
	if _, a := sumOf(t, 4, dir, "NL91ABNA0417164300"); a.States[completeness.Broken] != 1 {
		t.Fatalf("before: %+v", a)
	}
	file(t, dir, "institutions/abn.yaml", "institution: abn\naccounts: [NL91ABNA0417164300]\nreversals: original\n")
	for range 2 {
		imports(t, 0, dir, path)
		if _, a := sumOf(t, 0, dir, "NL91ABNA0417164300"); a.States[completeness.Proven] != 1 || len(a.Intervals) != 1 || len(a.Superseded) != 1 {
			t.Errorf("declared: %+v", a)
		}
	}
	must(t, 0, "check", "--project", dir)
	must(t, 0, "verify", "--project", dir)
}

// TestMarksDeclaredLater declares a mark between groups of digits after a file was imported: rows in quarantine are taken in, and others
// do not count twice.
func TestMarksDeclaredLater(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	mapped(t, dir, "", "")
	path := file(t, dir, "a.csv", "Konto;Tag;Betrag;Text\n12;2024-03-04;5,00;a\n12;2024-03-05;1.234,00;b\n12;2024-03-05;7,00;c\n")
	imports(t, 0, dir, path)
	if amount, a := sumOf(t, 4, dir, "12"); a.States[completeness.Broken] == 0 {
		t.Fatalf("before: %s, %+v", amount, a)
	}
	mapped(t, dir, "  group: \".\"\n", "")
	must(t, 0, "quarantine", "entries", "--retry", "--project", dir)
	for range 2 {
		imports(t, 0, dir, path)
		if amount, a := sumOf(t, 0, dir, "12"); amount != "1246.00" || len(a.Intervals) != 1 || a.Intervals[0].Entries != 3 {
			t.Errorf("declared: %s, %+v", amount, a)
		}
	}
	if got := must(t, 0, "quarantine", "--project", dir); !strings.Contains(got.out, "The quarantine is empty") {
		t.Errorf("quarantine: %s", got.out)
	}
	mapped(t, dir, "", "")
	imports(t, 0, dir, path)
	accountsOf(t, 0, dir) // what is whole is not read again
}

// TestStatusDeclaredLater declares which rows are booked after a file was imported: rows that are not booked are withdrawn.
func TestStatusDeclaredLater(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "p")
	must(t, 0, "init", dir)
	mapped(t, dir, "", "")
	path := file(t, dir, "a.csv", "Konto;Tag;Betrag;Text;Stand\n12;2024-03-04;5,00;a;ok\n12;;9,00;b;open\n12;2024-03-05;7,00;c;void\n")
	imports(t, 0, dir, path)
	accountsOf(t, 4, dir)
	mapped(t, dir, "", "    status: {column: Stand, booked: [ok], pending: [open], ignored: [void]}\n")
	imports(t, 0, dir, path)
	if amount, a := sumOf(t, 0, dir, "12"); amount != "5.00" || len(a.Intervals) != 1 {
		t.Errorf("declared: %s, %+v", amount, a)
	}
	next := file(t, dir, "b.csv", "Konto;Tag;Betrag;Text;Stand\n12;2024-03-05;7,00;c;ok\n")
	imports(t, 0, dir, next) // an entry that says what was taken back is another one
	wantSealed(t, dir, "12.00000")
	must(t, 0, "verify", "--project", dir)
}

// TestChangedDeclarationsReadAgain changes what ids are made of after an import, and imports the original again with the next file in one command: the
// project is as one that had the declarations from the beginning.
func TestChangedDeclarationsReadAgain(t *testing.T) {
	t.Parallel()
	testChangedDeclarationsReadAgain(t, 2)
}

// TestSoakChangedDeclarationsReadAgain takes every case.
func TestSoakChangedDeclarationsReadAgain(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testChangedDeclarationsReadAgain(t, math.MaxInt)
}

func testChangedDeclarationsReadAgain(t *testing.T, cases int) {
	t.Helper()
	for _, c := range sampled(seeded(t), slices.Clone(changedCases), cases) {
		if c.name == "the order of a date" { // by it the first file cannot be read any more
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, second := file(t, t.TempDir(), "first", c.first), file(t, t.TempDir(), "second", c.second)
			stands := func(declared ...map[string]string) string {
				dir := t.TempDir()
				file(t, dir, "bursar.yaml", "")
				file(t, dir, "pipelines/sums.yaml", "pipeline: sums\nfrom: entries\nkey: [servicer, account, currency, day]\nartifact:\n  moved: {sum: amount, where: \"status = 'BOOK'\"}\n")
				for _, d := range declared {
					declareAll(t, dir, d)
					must(t, 0, "import", first, "--project", dir)
				}
				imports(t, 0, dir, first, second)
				must(t, 0, "check", "--project", dir)
				must(t, 0, "run", "--project", dir)
				var moved []string
				for line := range strings.Lines(exported(t, dir, "sums")) {
					if !strings.Contains(line, `"moved":"0.00000"`) {
						moved = append(moved, line)
					}
				}
				return intervalLines(t, 0, dir) + "\n" + strings.Join(moved, "") + strings.Join(inQuarantine(t, dir), "\n")
			}
			if is, want := stands(c.before, c.after), stands(c.after); is != want {
				t.Errorf("it stands\n%s\nwant\n%s", is, want)
			}
		})
	}
}
