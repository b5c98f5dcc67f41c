//go:build linux

// Inconsistent statements, and consistent versions of them.

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

const ownAccount = "NL91ABNA0417164300"

// numbered is an MT940 statement of some entries, such as "C20,00".
func numbered(number, day, opening, closing string, entries ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ":20:S%s\n:25:%s\n:28C:%s\n:60F:C%sEUR%s\n", number, ownAccount, number, day, opening)
	for n, e := range entries {
		fmt.Fprintf(&b, ":61:%s%s%sNTRFNONREF\n:86:entry %d\n", day, day[2:], e, n)
	}
	fmt.Fprintf(&b, ":62F:C%sEUR%s\n-\n", day, closing)
	return b.String()
}

// camtNamed is a CAMT statement of some entries, such as "20.00"; the id is that of its message.
func camtNamed(id, day, opening, closing string, entries ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>%s</MsgId><CreDtTm>%sT18:00:00</CreDtTm></GrpHdr>
<Stmt><Id>%[1]s</Id><CreDtTm>%[2]sT18:00:00</CreDtTm><Acct><Id><IBAN>%[3]s</IBAN></Id><Ccy>EUR</Ccy></Acct>`, id, day, ownAccount)
	for _, balance := range [][2]string{{"OPBD", opening}, {"CLBD", closing}} {
		fmt.Fprintf(&b, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`, balance[0], balance[1], day)
	}
	for n, e := range entries {
		fmt.Fprintf(&b, `<Ntry><Amt Ccy="EUR">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>%s</Dt></BookgDt>
<NtryDtls><TxDtls><Refs><EndToEndId>E%d</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">%[1]s</Amt></TxAmt></AmtDtls></TxDtls></NtryDtls></Ntry>`, e, day, n)
	}
	return b.String() + "</Stmt></BkToCstmrStmt></Document>\n"
}

var right = numbered("7", "240304", "100,00", "120,00", "C25,00", "D5,00")

// supersededCases are a statement that does not hold, the right one of two entries that sum up to 20.00, and what else there is.
var supersededCases = []struct{ name, bad, good, other string }{
	{"a closing balance", strings.Replace(right, "EUR120,00", "EUR130,00", 1), right, ""},
	{"an opening balance", strings.Replace(right, "EUR100,00", "EUR90,00", 1), right, ""},
	{"an entry", strings.Replace(right, "C25,00", "C26,00", 1), right, ""},
	{"an entry too many", strings.Replace(right, "C25,00", "C25,00NTRFNONREF\n:86:entry 0\n:61:2403040304C25,00", 1), right, ""},
	{"an entry too few", strings.Replace(right, ":61:2403040304D5,00NTRFNONREF\n:86:entry 1\n", "", 1), right, ""},
	{"a cut file", right[:strings.Index(right, ":62F:")], right, ""},
	{"a file that is cut within an entry", right[:strings.LastIndex(right, "NONREF")] + "\n", right, ""},
	{"no account", strings.Replace(right, ":25:"+ownAccount+"\n", "", 1), right, ""},
	{"CAMT", camtNamed("B", "2024-03-04", "100.00", "120.00", "15.00", "7.00"), camtNamed("A", "2024-03-04", "100.00", "120.00", "15.00", "5.00"), ""},
	{
		"an entry that another file lists", strings.Replace(right, "D5,00", "D6,00", 1), right, // 26.00 of the day before: both list it
		numbered("6", "240303", "74,00", "100,00", "C26,00"),
	},
	{
		"a statement number that is always the same", numbered("1", "240304", "100,00", "130,00", "C20,00"), numbered("1", "240304", "100,00", "120,00", "C20,00"),
		numbered("1", "240305", "120,00", "140,00", "C20,00"),
	},
}

// ordersOf are all of the files in one command, and one by one in every order.
func ordersOf(files []string) (commands [][][]string) {
	commands = [][][]string{{files}}
	for _, order := range permutations(files) {
		var each [][]string
		for _, f := range order {
			each = append(each, []string{f})
		}
		commands = append(commands, each)
	}
	return commands
}

// judged returns the output of completeness that must not depend on the order of imports.
func judged(t *testing.T, dir string) string {
	t.Helper()
	a := accountsOf(t, 0, dir)[ownAccount]
	for i := range a.Superseded {
		a.Superseded[i].File, a.Superseded[i].By = "", ""
	}
	text, err := json.Marshal([]any{intervalLines(t, 0, dir), a.States, a.Superseded})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSuperseded imports a statement that does not hold, a version of it that does, and what is around, in some order or together, and twice.
// The first is named, breaks nothing, and what only it lists does not count.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	testSuperseded(t, 2, 1)
}

// TestSoakSuperseded takes every order.
func TestSoakSuperseded(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testSuperseded(t, math.MaxInt, math.MaxInt)
}

// testSuperseded takes so many of the cases, each in so many orders.
func testSuperseded(t *testing.T, cases, most int) {
	t.Helper()
	random := seeded(t)
	for _, c := range sampled(random, slices.Clone(supersededCases), cases) {
		folder := t.TempDir()
		files := []string{file(t, folder, "bad.sta", c.bad), file(t, folder, "good.sta", c.good)}
		if c.other != "" {
			files = append(files, file(t, folder, "other.sta", c.other))
		}
		orders := sampled(random, ordersOf(files), most)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first := ""
			for n, order := range orders {
				dir := bankProject(t)
				file(t, dir, "pipelines/sums.yaml", "pipeline: sums\nfrom: entries\nkey: [account, currency, day]\nartifact:\n  moved: {sum: amount, where: \"status = 'BOOK'\"}\n")
				for _, command := range order {
					bursar(t, append([]string{"import", "--project", dir}, command...)...)
				}
				verdicts, states := judged(t, dir), intervalLines(t, 0, dir)
				superseded := accountsOf(t, 0, dir)[ownAccount].Superseded
				if len(superseded) != 1 || superseded[0].File != "bad.sta" || superseded[0].By != "good.sta" || superseded[0].Change == "" || superseded[0].Reason == "" {
					t.Errorf("order %v: superseded: %+v", order, superseded)
				}
				bursar(t, append([]string{"import", "--project", dir}, renamed(t, files)...)...)
				if again := intervalLines(t, 0, dir); again != states {
					t.Errorf("order %v: imported again completeness says\n%s\nand said\n%s", order, again, states)
				}
				must(t, 0, "run", "--project", dir)
				is := verdicts + "\n" + exported(t, dir, "days") + exported(t, dir, "sums")
				if !strings.Contains(is, `"moved":"20.00000"`) || strings.Contains(is, `"status":"different"`) || n > 0 && is != first {
					t.Errorf("order %v: it stands\n%s\nand stood\n%s", order, is, first)
				}
				first = is
				if n == 0 {
					must(t, 0, "verify", "--project", dir)
					if got := must(t, 0, "completeness", "--project", dir); !strings.Contains(got.out, "superseded "+ownAccount) {
						t.Errorf("completeness shows %s", got.out)
					}
				}
			}
		})
	}
}

// TestNotSuperseded keeps a statement BROKEN that no version proves, and names the command that resolves it.
func TestNotSuperseded(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][2]string{
		"a version that does not hold": {numbered("7", "240304", "100,00", "130,00", "C20,00"), numbered("7", "240304", "100,00", "140,00", "C20,00")},
		"other days":                   {numbered("7", "240304", "100,00", "130,00", "C20,00"), numbered("8", "240305", "130,00", "150,00", "C20,00")},
		"the same number a year later": {numbered("7", "240304", "100,00", "130,00", "C20,00"), numbered("7", "250304", "130,00", "150,00", "C20,00")},
		"the same number a day later":  {numbered("1", "240304", "100,00", "130,00", "C20,00"), numbered("1", "240305", "130,00", "150,00", "C20,00")},
		"another part of the day":      {numbered("1", "240304", "100,00", "130,00", "C20,00"), numbered("1", "240304", "130,00", "150,00", "C20,00")},
		"the beginning of the day":     {numbered("1", "240304", "100,00", "130,00", "C20,00"), numbered("1", "240304", "100,00", "105,00", "C5,00")},
		"both hold":                    {numbered("7", "240304", "100,00", "120,00", "C20,00"), numbered("7", "240304", "100,00", "125,00", "C25,00")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file(t, dir, "bursar.yaml", "")
			for i, text := range files {
				imports(t, 0, dir, file(t, t.TempDir(), string(rune('a'+i))+".sta", text))
			}
			if a := accountsOf(t, 4, dir)[ownAccount]; len(a.Superseded) != 0 {
				t.Errorf("superseded: %+v", a.Superseded)
			}
			for range 3 {
				got := bursar(t, "completeness", "--project", dir)
				if got.code == 0 {
					break
				}
				_, command, _ := strings.Cut(got.out, "bursar completeness --accept ")
				must(t, 0, "completeness", "--project", dir, "--accept", command[:16], "--reason", "the bank wrote so")
			}
			for _, i := range accountsOf(t, 0, dir)[ownAccount].Intervals {
				if i.State == completeness.Broken {
					t.Errorf("still BROKEN: %+v", i)
				}
			}
		})
	}
}
