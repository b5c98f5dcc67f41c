// Compares messages with the values of another reader.

package camt_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// intendedDifferences are the values that this reader reads differently on purpose, and why.
var intendedDifferences = []struct {
	reason string
	keys   []string
}{
	{"a transaction's own indicator decides its sign; the golden reader gives it its entry's", []string{
		"camt052.v4: entry 0 detail 0 amount", "camt052.v6: entry 0 detail 0 amount",
		"camt054.v4: entry 0 detail 0 amount", "camt054.v4: entry 0 detail 1 amount", "camt054.v4: entry 0 detail 2 amount",
		"camt054.v8: entry 0 detail 0 amount", "camt054.v8: entry 0 detail 1 amount", "camt054.v8: entry 0 detail 2 amount",
	}},
	{"a side with the statement's own account is not the other side, whatever the direction", []string{
		"camt052.v4: entry 0 detail 0 party", "camt052.v4: entry 0 detail 0 peer",
		"camt052.v6: entry 0 detail 0 party", "camt052.v6: entry 0 detail 0 peer",
		"camt052.v6.Amt-zero: entry 0 detail 0 party", "camt052.v6.Amt-zero: entry 0 detail 0 peer",
	}},
	{"a balance keeps its code; the golden reader calls PRCD an opening balance, too", []string{
		"camt053.v2.all-balance-types: statement 0 balance 1 code",
	}},
	{"a date is the day on the bank's own clock; the golden reader turns it into UTC", []string{
		"camt053.v2.all-balance-types: statement 0 created",
	}},
}

// missingInGolden is the number of statements at the start of a file that its golden file does not contain.
var missingInGolden = map[string]int{"camt053.v2.multi.statement": 1}

func TestGolden(t *testing.T) {
	t.Parallel()
	folder := statementtest.Data(t, "statements", "camt", "genkgo")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d golden files, error %v", len(files), err)
	}
	compared, reasons, seen := 0, map[string]string{}, map[string]bool{}
	for _, p := range intendedDifferences {
		for _, key := range p.keys {
			reasons[key] = p.reason
		}
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		var message map[string]any
		loadJSON(t, path, &message)
		statements := readFile(t, strings.TrimSuffix(path, ".json")+".xml")
		want, got := goldenValues(t, message), readValues(t, statements[missingInGolden[name]:])
		for _, key := range slices.Sorted(maps.Keys(want)) {
			compared++
			if got, known := got[key]; got == want[key] && known {
				continue
			} else if at := name + ": " + key; reasons[at] == "" {
				t.Errorf("%s is %q, want %q", at, got, want[key])
			} else {
				seen[at] = true
			}
		}
	}
	t.Logf("%d values of %d files, %d different on purpose", compared, len(files), len(seen))
	for at := range reasons {
		if !seen[at] {
			t.Errorf("%s is in the table of differences, but is not different", at)
		}
	}
}

// readValues returns the values that this reader reads.
func readValues(t *testing.T, statements []statementtest.Statement) values {
	t.Helper()
	f, entries := values{}, 0
	for i, s := range statements {
		at := fmt.Sprintf("statement %d ", i)
		f[at+"id"], f[at+"number"], f[at+"page"] = s.Reference, s.Number, s.Page
		f[at+"created"], f[at+"from"], f[at+"to"] = s.Created[:len("2006-01-02")], s.From, s.To
		f[at+"account"], f[at+"name"] = s.Account, s.Name
		for i, b := range s.Balances {
			at := fmt.Sprintf("%sbalance %d ", at, i)
			f[at+"code"], f[at+"amount"], f[at+"date"] = b.Code, readMoney(t, b.Amount, b.Currency), b.Date
		}
		for i := range s.Entries {
			addReadEntry(t, f, fmt.Sprintf("entry %d ", entries), &s.Entries[i])
			entries++
		}
	}
	return f
}

func readMoney(t *testing.T, amount, currency string) string {
	t.Helper()
	if amount == "" {
		return ""
	}
	return sum(t, amount) + " " + currency
}

func addReadEntry(t *testing.T, f values, at string, e *statementtest.Entry) {
	t.Helper()
	f[at+"amount"] = readMoney(t, e.Amount, e.Currency)
	f[at+"booked"], f[at+"value"], f[at+"status"] = e.Booked, e.Value, e.Status
	f[at+"reversal"], f[at+"reference"], f[at+"own"] = fmt.Sprint(e.Reversal), e.Reference, e.Own
	f[at+"text"], f[at+"code"], f[at+"details"] = e.Text, e.Code, fmt.Sprint(len(e.Details))
	for i := range e.Details {
		addReadDetail(t, f, fmt.Sprintf("%sdetail %d ", at, i), &e.Details[i])
	}
}

func addReadDetail(t *testing.T, f values, at string, d *statement.Detail) {
	t.Helper()
	f[at+"reference"], f[at+"transaction"], f[at+"end to end"] = d.Reference, d.Transaction, d.EndToEnd
	f[at+"instruction"], f[at+"mandate"] = d.Instruction, d.Mandate
	f[at+"amount"] = readMoney(t, d.Amount, d.Currency)
	f[at+"party"], f[at+"peer"], f[at+"bank"], f[at+"text"] = d.Party, d.Peer, d.Bank, d.Text
}
