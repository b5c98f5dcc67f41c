// One real account seen from two sides, day by day: what its balance moved by against the day's entry.

package app

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var twoSided = map[string]string{
	"bursar.yaml": "threads: 1\n",
	"streams/balances.yaml": `{stream: balances, format: jsonl, id: [day, part], columns: {day: {type: date}, part: {type: string, in: [opening, closing]},
  amount: {type: "decimal(18,2)"}}, totals: {moved: {sum: amount}}}`,
	"streams/entries.yaml": `{stream: entries, format: jsonl, id: notice, columns: {notice: {type: string}, day: {type: date}, amount: {type: "decimal(18,2)"}},
  totals: {entered: {sum: amount}}}`,
	"pipelines/days.yaml": `
pipeline: days
from: [balances, entries]
key: day
artifact:
  moved: {sum: amount, where: "stream = 'balances'"}
  entered: {sum: amount, where: "stream = 'entries'"}
  balances: {count: true, where: "stream = 'balances'"}
  entries: {count: true, where: "stream = 'entries'"}
  difference: {is: "moved - entered"}
  status:
    is: >-
      CASE WHEN balances < 2 THEN 'only-right' WHEN entries = 0 THEN 'only-left' WHEN moved = entered THEN 'matched' ELSE 'different' END
conserve: {moved: moved, entered: entered}
`,
}

// camt is what the test reads of either message.
type camt struct {
	Balances []struct {
		Code   string `xml:"Tp>CdOrPrtry>Cd"`
		Amount string `xml:"Amt"`
		Sign   string `xml:"CdtDbtInd"`
	} `xml:"BkToCstmrAcctRpt>Rpt>Bal"`
	Notices []struct {
		ID      string `xml:"Id"`
		Entries []struct {
			Amount string `xml:"Amt"`
			Sign   string `xml:"CdtDbtInd"`
		} `xml:"Ntry"`
	} `xml:"BkToCstmrDbtCdtNtfctn>Ntfctn"`
}

// TestTwoSidedAccount finds the one day on which the sides of a real account differ, and by how much.
func TestTwoSidedAccount(t *testing.T) {
	t.Parallel()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skip("BURSAR_DATA is not set: it names the folder of sample data, with two_sided/ in it")
	}
	want, differ := expectedDays(t, filepath.Join(data, "two_sided"))
	a := openFiles(t, twoSided)
	take(t, a, "balances", putFile(t, t.TempDir(), "balances.jsonl", balanceEvents(t, filepath.Join(data, "two_sided", "camt_052"))))
	runAll(t, a, "days")
	take(t, a, "entries", putFile(t, t.TempDir(), "entries.jsonl", entryEvents(t, filepath.Join(data, "two_sided", "camt_054"))))
	runAll(t, a, "days")
	found := 0
	for _, line := range strings.Split(strings.TrimSuffix(string(exportOf(t, a, "days")), "\n"), "\n") {
		var day struct {
			Key      string
			Artifact struct{ Moved, Entered, Difference, Status string }
		}
		if err := json.Unmarshal([]byte(line), &day); err != nil {
			t.Fatal(err)
		}
		expected, known := want[day.Key]
		got := day.Artifact
		switch {
		case !known && got.Status != "only-right":
			t.Errorf("%s is not to be compared: %+v", day.Key, got)
		case known && (rational(got.Moved).Cmp(rational(expected[0])) != 0 || rational(got.Entered).Cmp(rational(expected[1])) != 0):
			t.Errorf("%s: %+v, want %v", day.Key, got, expected)
		case known && (got.Status == "matched") == differ[day.Key]:
			t.Errorf("%s: %+v, they differ: %v", day.Key, got, differ[day.Key])
		case known:
			found++
		}
	}
	if found != len(want) || len(differ) != 1 {
		t.Errorf("%d of %d days found, %d differ", found, len(want), len(differ))
	}
	checkProof(t, a, "days")
}

// expectedDays is what another tool made of the files: both amounts by day, and the days that differ.
func expectedDays(t *testing.T, dir string) (days map[string][2]string, differ map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "EXPECTED.json"))
	if os.IsNotExist(err) {
		t.Skip("no two_sided/ in the sample data")
	}
	var expected struct {
		Rows []struct {
			Date  string
			Delta string `json:"camt052_delta"`
			Entry string `json:"camt054_entry"`
			Match bool
		}
	}
	if err != nil || json.Unmarshal(text, &expected) != nil {
		t.Fatal(err)
	}
	days, differ = map[string][2]string{}, map[string]bool{}
	for _, r := range expected.Rows {
		days[r.Date] = [2]string{r.Delta, r.Entry}
		if !r.Match {
			differ[r.Date] = true
		}
	}
	return days, differ
}

// eachMessage reads the files of a folder, each named by its day, in order.
func eachMessage(t *testing.T, dir string, each func(day string, m camt)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s, %v", len(files), dir, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var m camt
		if err := xml.Unmarshal(text, &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		each(strings.TrimSuffix(filepath.Base(name), ".xml"), m)
	}
}

// balanceEvents has each file's opening balance close the day before it and open its own.
func balanceEvents(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	before := ""
	eachMessage(t, dir, func(day string, m camt) {
		for _, b := range m.Balances {
			if b.Code != "OPAV" {
				continue
			}
			amount := signed(b.Amount, b.Sign)
			if before != "" {
				fmt.Fprintf(&out, `{"day":%q,"part":"closing","amount":%q}`+"\n", before, amount)
			}
			fmt.Fprintf(&out, `{"day":%q,"part":"opening","amount":%q}`+"\n", day, strings.TrimPrefix("-"+amount, "--"))
			before = day
		}
	})
	return out.String()
}

func entryEvents(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	eachMessage(t, dir, func(day string, m camt) {
		for _, n := range m.Notices {
			for i, e := range n.Entries {
				fmt.Fprintf(&out, `{"notice":"%s/%s/%d","day":%q,"amount":%q}`+"\n", day, n.ID, i, day, signed(e.Amount, e.Sign))
			}
		}
	})
	return out.String()
}

func signed(amount, sign string) string {
	if sign == "DBIT" {
		return "-" + amount
	}
	return amount
}
