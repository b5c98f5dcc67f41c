// The rules by which a project identifies entries, and the declarations that may change after statements were imported.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstImportInQuarantine imports a file of which every entry is in quarantine before any other, and then two that overlap: they are
// identified by the current rules, also where the quarantine was retried, or was imported again, in between.
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
			if got := intervalLines(t, 4, dir); !strings.Contains(got, "1 EUR 2024-03-04 2024-03-06 CLAIMED 3 18.50") {
				t.Errorf("completeness says\n%s", got)
			}
		})
	}
}

// entryOf is an MT940 statement with one entry, in euros.
func entryOf(account, number, opening, amount, closing string) string {
	return ":20:S\n:25:" + account + "\n:28C:" + number + "/1\n:60F:C240303EUR" + opening + ",00\n:61:2403040304C" + amount + ",00NTRFNONREF//B" + number + "\n:62F:C240304EUR" + closing + ",00\n-\n"
}

// reversalOf is a CAMT statement with an entry that takes another back.
func reversalOf(id string) string {
	return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>` + id + `</MsgId><CreDtTm>2024-03-04T18:00:00</CreDtTm></GrpHdr>
<Stmt><Id>` + id + `</Id><CreDtTm>2024-03-04T18:00:00</CreDtTm><Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Ntry><NtryRef>1</NtryRef><Amt Ccy="EUR">20.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>true</RvslInd><Sts>BOOK</Sts>
<BookgDt><Dt>2024-03-04</Dt></BookgDt><AcctSvcrRef>R1</AcctSvcrRef></Ntry></Stmt></BkToCstmrStmt></Document>
`
}

const changeableCSV = "institution: acme\n%scsv:\n  account: {column: Konto}\n  currency: EUR\n  columns: {booked: Tag, amount: Betrag%s}\n"

// fitidOf is a download of one payment.
func fitidOf(fitid string) string {
	return "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>B<ACCTID>12</BANKACCTFROM>" +
		"<BANKTRANLIST><DTSTART>20240304<DTEND>20240304<STMTTRN><TRNTYPE>OTHER<DTPOSTED>20240304<TRNAMT>-5.00<FITID>" + fitid +
		"</STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>95.00<DTASOF>20240304</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
}

// changedCases are declarations after an import by which what it took in would count again: before and after are files of institutions.
var changedCases = []struct {
	name          string
	first, second string // files that overlap
	before, after map[string]string
	want          string // the place and the reason
}{
	{
		"an account is declared", entryOf("0417164300", "1", "100", "5", "105"), entryOf("0417164300", "1", "100", "5", "105") + entryOf("0417164300", "2", "105", "1", "106"),
		nil,
		map[string]string{"abn": "institution: abn\nservicer: ABNANL2A\naccounts:\n- NL91ABNA0417164300\n"},
		"institutions/abn.yaml:4: account 0417164300 in \"EUR\" was imported as 0417164300, and by the institutions that are declared it is NL91ABNA0417164300: ",
	},
	{
		"another account of the same digits", entryOf("0417164300", "1", "100", "5", "105"), entryOf("0417164300", "1", "100", "5", "105") + "\n",
		map[string]string{"abn": "institution: abn\naccounts: [NL91ABNA0417164300]\n"},
		map[string]string{"abn": "institution: abn\naccounts: [NL91ABNA0417164300]\n", "b": "institution: b\naccounts: [NL61INGB0417164300]\n"},
		"institutions/b.yaml:2: account 0417164300 in \"EUR\" was imported as NL91ABNA0417164300, and by the institutions that are declared it is 0417164300: ",
	},
	{
		"an account is not declared any more", entryOf("0417164300", "1", "100", "5", "105"), entryOf("0417164300", "1", "100", "5", "105") + "\n",
		map[string]string{"abn": "institution: abn\naccounts: [NL91ABNA0417164300]\n"},
		map[string]string{"abn": "institution: abn\n"},
		"account 0417164300 in \"EUR\" was imported as NL91ABNA0417164300, and by the institutions that are declared it is 0417164300: ",
	},
	{
		"reversals", reversalOf("A"), reversalOf("B"),
		nil,
		map[string]string{"abn": "institution: abn\naccounts: [NL91ABNA0417164300]\nreversals: original\n"},
		"institutions/abn.yaml:3: reversals of account NL91ABNA0417164300 were imported with `reversals: own`, and it is declared to be original: ",
	},
	{
		"FITIDs", fitidOf("F1"), fitidOf("F1") + "\n",
		nil,
		map[string]string{"abn": "institution: abn\naccounts: [\"12\"]\nfitids: temporary\n"},
		"institutions/abn.yaml:3: account 12 was imported with `fitids: lasting`, and they are declared to be temporary: ",
	},
	{
		"a unique reference", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,A\n", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,A\n12,2024-03-05,6,B\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", reference: Ref")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", reference: Ref") + "  unique: true\n"},
		"institutions/acme.yaml:6: CSV files of this institution were imported with a `reference` without `unique: true`, and it declares a `reference` with `unique: true`: ",
	},
	{
		"a reference", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,A\n", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,A\n12,2024-03-05,6,B\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", reference: Ref")},
		"institutions/acme.yaml:5: CSV files of this institution were imported with no `reference`, and it declares a `reference` without `unique: true`: ",
	},
	{
		"the servicer of a CSV", "Konto,Tag,Betrag\n12,2024-03-04,5\n", "Konto,Tag,Betrag\n12,2024-03-04,5\n12,2024-03-05,6\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "servicer: AGBLLT2X\n", "")},
		"institutions/acme.yaml:2: account 12 in \"EUR\" was imported as 12, and by the institutions that are declared it is 12 of AGBLLT2X: ",
	},
	{
		"the day of a CSV", "Konto,Tag,Betrag,Valuta\n12,2024-03-04,5,2024-03-05\n", "Konto,Tag,Betrag,Valuta\n12,2024-03-04,5,2024-03-05\n12,2024-03-05,6,2024-03-06\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "")},
		map[string]string{"acme": strings.Replace(fmt.Sprintf(changeableCSV, "", ""), "booked: Tag", "booked: Valuta", 1)},
		"institutions/acme.yaml:5: CSV files of this institution were imported with `columns.booked` `Tag`, and it declares `Valuta`: ",
	},
	{
		"a text of a CSV", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,A\n", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,A\n12,2024-03-05,6,B\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", text: Ref")},
		"institutions/acme.yaml:5: CSV files of this institution were imported with `columns.text` nothing, and it declares `Ref`: ",
	},
	{
		"another reference", "Konto,Tag,Betrag,Ref,Zweck\n12,2024-03-04,5,A,B\n", "Konto,Tag,Betrag,Ref,Zweck\n12,2024-03-04,5,A,B\n12,2024-03-05,6,C,D\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", reference: Ref")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", reference: Zweck")},
		"institutions/acme.yaml:5: CSV files of this institution were imported with `columns.reference` `Ref`, and it declares `Zweck`: ",
	},
	{
		"the order of a date", "Konto,Tag,Betrag\n12,4.3.2024,5\n", "Konto,Tag,Betrag\n12,4.3.2024,5\n12,5.3.2024,6\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "") + "  date: \"%d.%m.%Y\"\n"},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "") + "  date: [\"%m.%d.%Y\", \"%d.%m.%Y\"]\n"},
		"institutions/acme.yaml:6: CSV files of this institution were imported with `date` `%d.%m.%Y`, and it declares `%m.%d.%Y`, `%d.%m.%Y`: ",
	},
	{
		"the decimal mark of a CSV", "Konto;Tag;Betrag\n12;2024-03-04;5.125\n", "Konto;Tag;Betrag\n12;2024-03-04;5.125\n12;2024-03-05;6\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "") + "  decimal: \",\"\n  group: \".\"\n"},
		"institutions/acme.yaml:6: CSV files of this institution were imported with `decimal` `.`, and it declares `,`: ",
	},
	{
		"a status that is no booking any more", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,done\n", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,done\n12,2024-03-05,6,new\n",
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", status: {column: Ref, booked: [done, new]}")},
		map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", status: {column: Ref, booked: [new], ignored: [done]}")},
		"institutions/acme.yaml:5: CSV files of this institution were imported with `columns.status.booked` `done`, `new`, and it declares `new`: ",
	},
}

// TestGrownDeclarations adds to what rows of a CSV say and are: more of them are read, and those before stay what they are. What was added is kept.
func TestGrownDeclarations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	mapping := func(booked, dates string) map[string]string {
		return map[string]string{"acme": fmt.Sprintf(changeableCSV, "", ", status: {column: Ref, booked: ["+booked+"]}") + "  date: [" + dates + "]\n"}
	}
	declareAll(t, dir, mapping("done", `"%Y-%m-%d"`))
	first := file(t, t.TempDir(), "first.csv", "Konto,Tag,Betrag,Ref\n12,2024-03-04,5,done\n12,2024-03-05,6,final\n")
	bursar(t, "import", first, "--project", dir)
	declareAll(t, dir, mapping("done, final", `"%Y-%m-%d", "%d.%m.%Y"`))
	must(t, 0, "check", "--project", dir)
	second := file(t, t.TempDir(), "second.csv", "Konto,Tag,Betrag,Ref\n12,04.03.2024,5,done\n12,05.03.2024,6,final\n")
	if entries := object(t, object(t, imports(t, 0, dir, second)["streams"])["entries"]); entries["accepted"] != 1.0 || entries["duplicates"] != 1.0 {
		t.Errorf("entries %v", entries)
	}
	declareAll(t, dir, mapping("done", `"%Y-%m-%d"`))
	if got := must(t, 2, "check", "--project", dir); !strings.Contains(got.out, "`columns.status.booked` `done`, `final`, and it declares `done`") {
		t.Errorf("check says %s", got.out)
	}
}

// TestChangedDeclarations changes what ids are made of after an import: a further import is refused as a fault of the configuration and changes
// nothing, check says the same, and with the declarations put back the file is taken in without a copy of what it overlaps with.
func TestChangedDeclarations(t *testing.T) {
	t.Parallel()
	for _, c := range changedCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file(t, dir, "bursar.yaml", "")
			declareAll(t, dir, c.before)
			must(t, 0, "check", "--project", dir)
			must(t, 0, "import", file(t, t.TempDir(), "first", c.first), "--project", dir)
			must(t, 0, "check", "--project", dir)
			stored := intervalLines(t, 0, dir)
			second := file(t, t.TempDir(), "second", c.second)
			declareAll(t, dir, c.after)
			for _, args := range [][]string{{"check"}, {"import", second}} {
				got := must(t, 2, append(args, "--project", dir)...)
				if printed := got.out + got.err; !strings.Contains(printed, c.want) || !strings.Contains(printed, "declare it as it was, or import the originals of all that was read so again in one command") {
					t.Errorf("%s says %s", args[0], printed)
				}
			}
			if got := intervalLines(t, 0, dir); got != stored {
				t.Errorf("a refused import changed\n%s\nto\n%s", stored, got)
			}
			declareAll(t, dir, c.before)
			must(t, 0, "check", "--project", dir)
			again := imports(t, 0, dir, second)
			if entries := object(t, object(t, again["streams"])["entries"]); entries["duplicates"] != 1.0 || entries["quarantined"] != 0.0 {
				t.Errorf("with the declarations put back: %v", entries)
			}
		})
	}
}

// declareAll makes these the institutions of a project.
func declareAll(t *testing.T, dir string, institutions map[string]string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, "institutions")); err != nil {
		t.Fatal(err)
	}
	for name, text := range institutions {
		file(t, dir, "institutions/"+name+".yaml", text)
	}
}

// TestChangedDeclarationOfQuarantine changes what ids are made of where all that was imported is in quarantine: it may be declared otherwise.
func TestChangedDeclarationOfQuarantine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	declareAll(t, dir, map[string]string{"acme": fmt.Sprintf(changeableCSV, "", "")})
	path := file(t, t.TempDir(), "umsatz.csv", "Konto,Tag,Betrag,Ref\n12,4.3.2024,5,A\n")
	must(t, 1, "import", path, "--project", dir)
	declareAll(t, dir, map[string]string{"acme": fmt.Sprintf(changeableCSV, "servicer: AGBLLT2X\n", ", reference: Ref") + "  unique: true\n  date: \"%d.%m.%Y\"\n"})
	must(t, 0, "check", "--project", dir)
	if entries := object(t, object(t, imports(t, 0, dir, path)["streams"])["entries"]); entries["accepted"] != 1.0 {
		t.Errorf("entries %v", entries)
	}
}
