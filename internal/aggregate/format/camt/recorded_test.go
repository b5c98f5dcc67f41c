// Compares recorded statements with the figures that others computed from them.

package camt_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// loadJSON reads a JSON file.
func loadJSON(t testing.TB, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}

// readFile reads a CAMT file that has no error.
func readFile(t testing.TB, path string) []statementtest.Statement {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !camt.Recognise(text[:min(len(text), 4<<10)]) {
		t.Errorf("%s is not recognised", path)
	}
	r := statementtest.NewRecorder(t)
	if err := camt.Read(bytes.NewReader(text), r); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r.Statements
}

// balance returns the only balance of a code.
func balance(t testing.TB, s statementtest.Statement, code string) string {
	t.Helper()
	found := ""
	for _, b := range s.Balances {
		if b.Code == code {
			if found != "" {
				t.Errorf("%s has two balances %s", s.Reference, code)
			}
			found = b.Amount
		}
	}
	return found
}

// sum adds decimals.
func sum(t testing.TB, decimals ...string) string {
	t.Helper()
	var s statement.Sum
	for _, d := range decimals {
		if !s.Add(d) {
			t.Errorf("%q is not a valid amount", d)
		}
	}
	return s.String()
}

type statementFigures struct {
	Account    string `json:"account"`
	Currency   string `json:"currency"`
	Opening    string `json:"opening"`
	Closing    string `json:"closing"`
	Entries    int    `json:"entries"`
	Details    int    `json:"tx_details"`
	EntrySum   string `json:"entry_sum"`
	Operations int    `json:"operations"`
}

// figuresOf computes the figures of a statement, and checks that its balances match its entries.
func figuresOf(t *testing.T, s statementtest.Statement) statementFigures {
	t.Helper()
	got := statementFigures{
		Account: s.Account, Currency: s.Currency, Entries: len(s.Entries),
		Opening: sum(t, balance(t, s, statement.OpeningBooked)), Closing: sum(t, balance(t, s, statement.ClosingBooked)),
	}
	var amounts []string
	for _, e := range s.Entries {
		amounts = append(amounts, e.Amount)
		got.Details += len(e.Details)
		operations, err := strconv.Atoi(e.Operations)
		if err != nil {
			t.Errorf("the operations of %s: %v", e.Reference, err)
		}
		got.Operations += operations
	}
	got.EntrySum = sum(t, amounts...)
	if closing := sum(t, got.Opening, got.EntrySum); closing != got.Closing {
		t.Errorf("%s of %s: the closing balance is %s, opening balance and entries add up to %s", s.Reference, s.Account, got.Closing, closing)
	}
	return got
}

func TestSettlement(t *testing.T) {
	t.Parallel()
	folder := statementtest.Data(t, "settlement")
	var expected struct {
		Files map[string]struct {
			Message    string             `json:"message"`
			Statements []statementFigures `json:"statements"`
		} `json:"files"`
	}
	loadJSON(t, filepath.Join(folder, "EXPECTED.json"), &expected)
	compared := 0
	for name, file := range expected.Files {
		statements := readFile(t, filepath.Join(folder, name))
		if len(statements) != len(file.Statements) {
			t.Fatalf("%s has %d statements, want %d", name, len(statements), len(file.Statements))
		}
		for i, want := range file.Statements {
			want.EntrySum, want.Opening, want.Closing = sum(t, want.EntrySum), sum(t, want.Opening), sum(t, want.Closing)
			if got := figuresOf(t, statements[i]); got != want {
				t.Errorf("%s, statement %d:\n got %+v\nwant %+v", name, i, got, want)
			}
			if s := statements[i]; s.Format != file.Message || s.Kind != statement.Booked {
				t.Errorf("%s is read as %s, %s; want %s", name, s.Format, s.Kind, file.Message)
			}
			compared++
		}
	}
	t.Logf("%d files, %d statements", len(expected.Files), compared)
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

func TestTwoSides(t *testing.T) {
	t.Parallel()
	folder := statementtest.Data(t, "two_sided")
	var expected struct {
		Days, Match int
		Rows        []struct {
			Date    string `json:"date"`
			Delta   string `json:"camt052_delta"`
			Entry   string `json:"camt054_entry"`
			Details int    `json:"camt054_tx"`
			Match   bool   `json:"match"`
		} `json:"rows"`
	}
	loadJSON(t, filepath.Join(folder, "EXPECTED.json"), &expected)
	available := openings(t, folder)
	agree := 0
	for _, want := range expected.Rows {
		amount, details := notifiedAmount(t, filepath.Join(folder, "camt_054", want.Date+".xml"))
		if sum(t, amount) != sum(t, want.Entry) || details != want.Details {
			t.Errorf("%s: entry %s of %d details, want %s of %d", want.Date, amount, details, want.Entry, want.Details)
		}
		if delta := available.delta(t, want.Date); delta != sum(t, want.Delta) {
			t.Errorf("%s: the balance changed by %s, want %s", want.Date, delta, want.Delta)
		} else if (delta == sum(t, amount)) != want.Match {
			t.Errorf("%s: both sides agree: %v, want %v", want.Date, !want.Match, want.Match)
		} else if want.Match {
			agree++
		}
	}
	t.Logf("%d of %d days agree", agree, len(expected.Rows))
	if agree != expected.Match || len(expected.Rows) != expected.Days {
		t.Errorf("%d of %d days agree, want %d of %d", agree, len(expected.Rows), expected.Match, expected.Days)
	}
}

// balances are the opening balances of files in the order of their dates.
type balances []struct{ date, amount string }

func openings(t *testing.T, folder string) balances {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "camt_052", "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var all balances
	for _, path := range files {
		s := readFile(t, path)
		if len(s) != 1 || s[0].Kind != statement.Report {
			t.Fatalf("%s: %d statements", path, len(s))
		}
		name := filepath.Base(path)
		all = append(all, struct{ date, amount string }{name[:len("2006-01-02")], balance(t, s[0], statement.OpeningAvailable)})
	}
	return all
}

// delta is the difference between the balances of a date's file and of the next.
func (b balances) delta(t *testing.T, date string) string {
	t.Helper()
	for i := range b {
		if b[i].date == date && i+1 < len(b) {
			return sum(t, b[i+1].amount, statement.Negate(b[i].amount))
		}
	}
	t.Errorf("there is no balance for %s or the next day", date)
	return ""
}

// notifiedAmount returns the only entry of a notification, and checks it against its details.
func notifiedAmount(t *testing.T, path string) (amount string, details int) {
	t.Helper()
	s := readFile(t, path)
	if len(s) != 1 || len(s[0].Entries) != 1 || s[0].Kind != statement.Notification {
		t.Fatalf("%s: %d statements", path, len(s))
	}
	entry := s[0].Entries[0]
	var amounts []string
	for i := range entry.Details {
		amounts = append(amounts, entry.Details[i].Amount)
	}
	if got := sum(t, amounts...); got != sum(t, entry.Amount) {
		t.Errorf("%s: the details add up to %s, the entry is %s", path, got, entry.Amount)
	}
	return entry.Amount, len(entry.Details)
}
