// Compares recorded files with the assertions of other readers' tests and with a plain scan of their text.

package ofx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"bursar/internal/aggregate/format/ofx"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// differences are the results in which this reader intentionally differs from the peers or the scan.
var differences = []struct{ file, what, reason string }{
	{"ofxparse/date_missing.ofx", "transactions", "the peer discards three entries without a date; here they are reported as written, for quarantine"},
	{"ofxparse/decimal_error.ofx", "transactions", "the peer discards the entry of $120; here it is reported as written, for quarantine"},
	{"ofxparse/investment_401k.ofx", "total", "the peer reads a missing total as 0; here it is not stated"},
	{"ofxparse/bank_medium.ofx", "end", "the peer keeps the time; an interval ends with a date"},
	{"ofxparse/fidelity-savings.ofx", "date_utc", "the peer turns dates into UTC; a booking date is the bank's local one"},
	{"ofxparse/fidelity-savings.ofx", "transactions", "the peer lists an investment account's cash as bank transactions; here they are investment transactions"},
	{"ofxparse/signon_fail.ofx", "error", "the peer reads a failed sign-on; a file that contains nothing else is refused with the bank's response"},
	{"ofxparse/error_message.ofx", "error", "the peer reads a failed request; a file that contains nothing else is refused with the bank's response"},
	{"ofxparse/bank_small.ofx", "error", "the peer reads <OFX></OFX>; a file that states nothing is refused"},
	{"ofxparse/multiple_accounts2.ofx", "routing", "the peer has the bank's number; the servicer is that and the branch"},
	{"ofxparse/bank_medium.ofx", "routing", "the peer has the bank's number; the servicer is that and the branch"},
}

// seenDifferences are the differences that the tests have met.
var seenDifferences sync.Map

func differs(file, what string) bool {
	for _, d := range differences {
		if d.file == file && d.what == what {
			seenDifferences.Store(file+" "+what, true)
			return true
		}
	}
	return false
}

type expectation struct {
	Peer     map[string]json.RawMessage `json:"peer_asserted"`
	Computed struct {
		Version                  string
		Transactions, Securities int
		Statements               []scannedStatement
	}
}

type scannedStatement struct {
	Kind, Account, BankID, Currency string
	Stmttrn                         int
	Ledger                          *string `json:"ledger_balance"`
	LedgerDate                      string  `json:"ledger_dtasof"`
	Available                       *string `json:"available_balance"`
	DTStart, DTEnd                  string
	First                           struct{ TrnType, DTPosted, TrnAmt, FITID, CheckNum, Name, Memo string }
	Amounts, FITIDs                 []string
	InvTransactions                 int `json:"inv_transactions"`
	Positions                       int
}

// reading is the result of a read, with helpers to check it.
type reading struct {
	*statementtest.Recorder
	t    *testing.T
	file string
	err  error
}

func expectations(t *testing.T) map[string]expectation {
	t.Helper()
	text, err := os.ReadFile(statementtest.Data(t, "statements", "ofx", "EXPECTED.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Files map[string]expectation }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.Files
}

func readRecorded(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(statementtest.Data(t, "statements", "ofx"), file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRecordedFiles(t *testing.T) {
	t.Parallel()
	all := expectations(t)
	if len(all) < 40 {
		t.Fatalf("only %d files are expected", len(all))
	}
	t.Cleanup(func() {
		for _, d := range differences {
			if _, ok := seenDifferences.Load(d.file + " " + d.what); !ok {
				t.Errorf("%s: %s does not differ (%s)", d.file, d.what, d.reason)
			}
		}
	})
	for file, want := range all {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			text := readRecorded(t, file)
			if !ofx.Recognise(text[:min(len(text), 4096)]) {
				t.Error("not recognised")
			}
			r := &reading{Recorder: statementtest.NewRecorder(t), t: t, file: file}
			r.err = statementtest.ReadChecked(t, text, ofx.Read, r.Recorder)
			if (r.err != nil) != differs(file, "error") {
				t.Fatalf("the read ends with error %v", r.err)
			}
			r.checkScan(&want)
			for what, value := range want.Peer {
				r.checkPeer(what, value)
			}
		})
	}
}

// checkScan compares the result with a scan of the raw text.
func (r *reading) checkScan(want *expectation) {
	var bank []scannedStatement
	invested, transactions, positions := 0, 0, 0
	for _, s := range want.Computed.Statements {
		if s.Kind == "INVSTMTRS" {
			r.equal("account", r.notice("investment", invested, "account"), s.Account)
			r.equal("currency", r.notice("investment", invested, "currency"), s.Currency)
			r.equal("start", digits(r.notice("investment", invested, "start")), s.DTStart[:8])
			invested++
			transactions += s.InvTransactions + s.Stmttrn
			positions += s.Positions
			continue
		}
		bank = append(bank, s)
	}
	r.count("investments", len(r.notices("investment")), invested)
	r.count("investment transactions", len(r.notices("investment transaction")), transactions)
	r.count("positions", len(r.notices("position")), positions)
	r.count("securities", len(r.notices("security")), want.Computed.Securities)
	r.count("statements", len(r.Statements), len(bank))
	for i := range min(len(bank), len(r.Statements)) {
		r.checkStatement(&r.Statements[i], &bank[i])
		version := "ofx " + strings.Join(strings.Split(want.Computed.Version, ""), ".")
		r.equal("format", r.Statements[i].Format, strings.TrimSpace(version))
	}
}

func (r *reading) checkStatement(got *statementtest.Statement, want *scannedStatement) {
	r.equal("account", got.Account, want.Account)
	bank, _, _ := strings.Cut(got.Servicer, "/")
	r.equal("bank", bank, want.BankID)
	r.equal("currency", got.Currency, want.Currency)
	r.equal("start", digits(got.From), want.DTStart[:min(8, len(want.DTStart))])
	r.equal("end", digits(got.To), want.DTEnd[:min(8, len(want.DTEnd))])
	r.checkBalance(got, statement.ClosingBooked, want.Ledger, want.LedgerDate)
	r.checkBalance(got, statement.ClosingAvailable, want.Available, "")
	r.count("entries", len(got.Entries), want.Stmttrn)
	for i := range min(len(got.Entries), len(want.Amounts)) {
		r.number("amount", got.Entries[i].Amount, want.Amounts[i])
		r.equal("reference", got.Entries[i].Reference, want.FITIDs[i])
	}
	if len(got.Entries) == 0 {
		return
	}
	e := &got.Entries[0]
	r.equal("code", e.Code, strings.ToUpper(want.First.TrnType))
	r.equal("booked", digits(e.Booked), want.First.DTPosted[:min(len(digits(e.Booked)), len(want.First.DTPosted))])
	r.equal("party", e.Party, want.First.Name)
	r.equal("text", e.Text, want.First.Memo)
	if want.First.CheckNum != "" {
		r.equal("own", e.Own, want.First.CheckNum)
	}
}

func (r *reading) checkBalance(got *statementtest.Statement, code string, amount *string, date string) {
	r.t.Helper()
	i := slices.IndexFunc(got.Balances, func(b statement.Balance) bool { return b.Code == code })
	if i < 0 {
		if amount != nil && *amount != "" {
			r.t.Errorf("balance %s is missing, want %s", code, *amount)
		}
		return
	}
	if amount == nil {
		r.t.Errorf("a balance %s of %s that the file does not state", code, got.Balances[i].Amount)
		return
	}
	r.number(code, got.Balances[i].Amount, *amount)
	if date != "" {
		r.equal("date of "+code, digits(got.Balances[i].Date), date[:8])
	}
}

func (r *reading) notices(what string) (found []statement.Notice) {
	for _, n := range r.Notices {
		if n.What == what {
			found = append(found, n)
		}
	}
	return found
}

// notice returns a field of the i-th notice of its kind, or of the last one if i is negative.
func (r *reading) notice(what string, i int, name string) string {
	r.t.Helper()
	all := r.notices(what)
	if i < 0 {
		i += len(all)
	}
	if i < 0 || i >= len(all) {
		r.t.Errorf("%s %d is missing", what, i)
		return ""
	}
	for _, f := range all[i].Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func (r *reading) equal(what, got, want string) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s is %q, want %q", what, got, want)
	}
}

func (r *reading) count(what string, got, want int) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%d %s, want %d", got, what, want)
	}
}

// number compares by value if both are numbers.
func (r *reading) number(what, got, want string) {
	r.t.Helper()
	g, ok := new(big.Rat).SetString(got)
	w, wanted := new(big.Rat).SetString(want)
	if ok != wanted || ok && g.Cmp(w) != 0 || !ok && got != want {
		r.t.Errorf("%s is %q, want %q", what, got, want)
	}
}

var nondigit = regexp.MustCompile(`[^0-9]`)

// digits returns the digits of a date.
func digits(date string) string {
	all := nondigit.ReplaceAllString(date, "")
	if strings.Contains(date, "T") {
		return all[:8]
	}
	return all
}

func TestRefusedFilesNameTheBankResponse(t *testing.T) {
	t.Parallel()
	for file, words := range map[string][]string{
		"ofxparse/signon_fail.ofx":   {"15500", "ERROR", "supplied an invalid identification code"},
		"ofxparse/error_message.ofx": {"2000", "ERROR", "General Server Error"},
		"ofxparse/bank_small.ofx":    {"no statement"},
	} {
		err := ofx.Read(bytes.NewReader(readRecorded(t, file)), statementtest.NewRecorder(t))
		var refused *statement.Error
		if !errors.As(err, &refused) {
			t.Fatalf("%s: %v", file, err)
		}
		for _, w := range words {
			if !strings.Contains(refused.Reason, w) {
				t.Errorf("%s: %q does not contain %q", file, refused.Reason, w)
			}
		}
	}
}

func TestTruncatedFilesAndHandlerErrors(t *testing.T) {
	t.Parallel()
	for file := range expectations(t) {
		text := readRecorded(t, file)
		statementtest.CheckTruncated(t, text, ofx.Read)
		if !differs(file, "error") {
			statementtest.CheckHandlerErrors(t, text, ofx.Read)
		}
		whole := statementtest.NewRecorder(t)
		_ = ofx.Read(bytes.NewReader(text), whole)
		end := bytes.LastIndex(text, []byte("</OFX>"))
		for n := 1; n < end; n += 100 {
			cut := statementtest.NewRecorder(t)
			if err := ofx.Read(bytes.NewReader(text[:n]), cut); err == nil {
				t.Errorf("%s cut at byte %d is read without an error", file, n)
			}
		}
	}
}
