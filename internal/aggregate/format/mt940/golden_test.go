// Compares the recorded files with the values of another reader.

package mt940_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// goldenFile contains the values of the other reader: for each file the last value of every field, and its entries.
type goldenFile struct {
	Golden map[string]struct {
		Statement    map[string]json.RawMessage `json:"statement"`
		Transactions []map[string]any           `json:"transaction_list"`
	} `json:"golden"`
}

// goldenAmount is an amount and, for a balance, its date.
type goldenAmount struct {
	Amount struct {
		Amount   string  `json:"amount"`
		Currency *string `json:"currency"`
	} `json:"amount"`
	Date string `json:"date"`
}

// filesWithoutStatement are the recorded files without a statement; the other reader returns an empty statement.
var filesWithoutStatement = []string{"self-provided/invalid_statement.sta", "self-provided/empty_non_swift.sta"}

// intendedDifferences are the values that this reader reads differently on purpose: by file and field, the value and
// the reason.
var intendedDifferences = map[string]map[string]struct{ want, why string }{
	"self-provided/long_statement_number.sta": {
		"statement_number": {"1810118101", "no slash divides it: the number is as the bank writes it, not two halves of it"},
		"sequence_number":  {"", "no slash divides it"},
	},
	"self-provided/multiline.sta": {
		"account_identification":  {`BILLLULLXXX/"NUMERO DE COMPTE IBAN 2"`, "an account is never cut to the 35 characters of the standard"},
		"1 transaction_reference": {"", "an entry after the hyphen that ends the message is not the statement's"},
		"1 currency":              {"", "so it has no currency of that statement either"},
		"0 transaction_details":   {"", "the :86: after :62F: is about the statement, not about its last entry"},
	},
	"self-provided/raphaelm.sta": {
		"final_closing_balance":        {"95000.00 DEM 2002-03-24", "the bank writes no currency: 95000,00, not 0,00 of a currency 950"},
		"intermediate_closing_balance": {"105000.00 DEM 2002-03-15", "the bank writes no currency: 105000,00, not 0,00 of a currency 105"},
		"5 non_swift_22":               {"", "the :NS: of the second statement's header is not the first one's last entry's"},
		"7 non_swift_22":               {"", "the same for the third"},
	},
}

func TestGolden(t *testing.T) {
	t.Parallel()
	root := statementtest.Data(t, "statements", "mt940")
	text, err := os.ReadFile(filepath.Join(root, "EXPECTED.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all goldenFile
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Golden) < 30 {
		t.Fatalf("only %d files have golden values", len(all.Golden))
	}
	for name, want := range all.Golden {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			r := statementtest.NewRecorder(t)
			err = statementtest.ReadChecked(t, text, mt940.Read, r)
			if slices.Contains(filesWithoutStatement, name) {
				if err == nil || mt940.Recognise(text) {
					t.Errorf("read without an error: %+v", r.Statements)
				}
				return
			}
			if err != nil || !mt940.Recognise(text) {
				t.Fatalf("refused: %v; recognised: %v", err, mt940.Recognise(text))
			}
			g := goldenCheck{T: t, name: name, used: map[string]bool{}}
			g.statement(want.Statement, r.Statements)
			g.transactions(want.Transactions, r.Statements)
			for fact := range intendedDifferences[name] {
				if !g.used[fact] {
					t.Errorf("%s is in the table of differences, but is never compared", fact)
				}
			}
		})
	}
}

// goldenCheck compares the values of one file.
type goldenCheck struct {
	*testing.T
	name string
	used map[string]bool
}

// equal compares one value; the table of differences takes precedence over the other reader.
func (g goldenCheck) equal(name, got, want string) {
	g.Helper()
	if own, ok := intendedDifferences[g.name][name]; ok {
		g.used[name] = true
		if own.want == want {
			g.Errorf("%s: the other reader reads %q, too: this is not a difference", name, want)
		}
		want = own.want
	}
	if got != want {
		g.Errorf("%s is %q, want %q", name, got, want)
	}
}

// contains checks that a text contains a part, without white space, because the readers join lines differently.
func (g goldenCheck) contains(name, whole, part string) {
	g.Helper()
	if own, ok := intendedDifferences[g.name][name]; ok {
		g.used[name] = true
		if strings.Contains(withoutSpace(whole), withoutSpace(part)) {
			g.Errorf("%s: %q contains %q: this is not a difference", name, whole, part)
		}
		part = own.want
	}
	if !strings.Contains(withoutSpace(whole), withoutSpace(part)) {
		g.Errorf("%s: %q does not contain %q", name, whole, part)
	}
}

func withoutSpace(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// goldenBalances maps the other reader's names of balances to code and subtype.
var goldenBalances = map[string][2]string{
	"final_opening_balance": {"OPBD", ""}, "final_closing_balance": {"CLBD", ""}, "available_balance": {"CLAV", ""},
	"forward_available_balance": {"FWAV", ""}, "intermediate_opening_balance": {"ITBD", "60M"},
	"intermediate_closing_balance": {"ITBD", "62M"},
}

func (g goldenCheck) statement(want map[string]json.RawMessage, got []statementtest.Statement) {
	last := got[len(got)-1]
	if g.name == "self-provided/multiline.sta" {
		last = got[0] // the second statement of the file has only an entry
	}
	if g.name == "self-provided/raphaelm.sta" {
		last.Balances = slices.Concat(got[0].Balances, got[1].Balances, got[2].Balances)
	}
	for name, raw := range want {
		var text string
		_ = json.Unmarshal(raw, &text) // of another type: empty
		switch name {
		case "transaction_reference":
			g.equal(name, last.Reference, text)
		case "account_identification":
			g.equal(name, last.Account, text)
		case "statement_number":
			g.equal(name, last.Number, text)
		case "sequence_number":
			g.equal(name, last.Page, text)
		case "date":
			g.equal(name, last.Created[:len(text)], text)
		case "c_floor_limit", "d_floor_limit":
			g.equal(name, string(last.Kind), string(statement.Report))
		case "sum_credit_entries", "sum_debit_entries":
			g.total(name, raw, &last.Stated)
		case "non_swift_22": // the first header's: the other reader gives later ones to entries
			g.equal(name, got[0].Name, text)
		default:
			if code, ok := goldenBalances[name]; ok {
				g.balance(name, raw, code, last.Balances)
			}
		}
	}
}

// total compares a count and a sum; the other reader gives the sum of debits a sign.
func (g goldenCheck) total(name string, raw json.RawMessage, got *statement.Totals) {
	var want struct{ Amount, Number string }
	if err := json.Unmarshal(raw, &want); err != nil {
		g.Fatal(err)
	}
	count, sum := got.CreditCount, got.CreditSum
	if name == "sum_debit_entries" {
		count, sum = got.DebitCount, got.DebitSum
	}
	g.equal(name, count+" "+sum, want.Number+" "+strings.TrimPrefix(want.Amount, "-"))
}

func (g goldenCheck) balance(name string, raw json.RawMessage, code [2]string, got []statement.Balance) {
	var want goldenAmount
	if err := json.Unmarshal(raw, &want); err != nil {
		g.Fatal(err)
	}
	text := "none"
	for _, b := range got {
		if b.Code == code[0] && b.Subtype == code[1] {
			text = withTwoDecimals(b.Amount) + " " + b.Currency + " " + b.Date
		}
	}
	currency := ""
	if want.Amount.Currency != nil {
		currency = *want.Amount.Currency
	}
	g.equal(name, text, withTwoDecimals(want.Amount.Amount)+" "+currency+" "+want.Date)
}

// withTwoDecimals formats an amount with at least two decimals, as sums are.
func withTwoDecimals(decimal string) string {
	var s statement.Sum
	if !s.Add(decimal) {
		return decimal
	}
	return s.String()
}

// textFields are the other reader's parts of an entry's text; party and peer are compared separately.
var textFields = []string{
	"transaction_details", "extra_details", "posting_text", "purpose", "additional_purpose", "end_to_end_reference",
	"additional_position_reference", "applicant_creditor_id", "non_swift_01", "non_swift_02", "non_swift_03", "non_swift_04",
	"non_swift_09", "non_swift_17", "non_swift_22",
}

func (g goldenCheck) transactions(want []map[string]any, statements []statementtest.Statement) {
	var got []statementtest.Entry
	var references []string
	for i := range statements {
		for _, e := range statements[i].Entries {
			got, references = append(got, e), append(references, statements[i].Reference)
		}
	}
	if len(got) != len(want) {
		g.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i := range want {
		g.transaction(strconv.Itoa(i)+" ", want[i], &got[i], references[i])
	}
}

func (g goldenCheck) transaction(n string, want map[string]any, got *statementtest.Entry, reference string) {
	text := func(name string) string { s, _ := want[name].(string); return s }
	money, _ := want["amount"].(map[string]any)
	decimal, _ := money["amount"].(string)
	g.equal(n+"amount", withTwoDecimals(got.Amount), withTwoDecimals(decimal))
	g.equal(n+"currency", got.Currency, text("currency"))
	g.equal(n+"transaction_reference", reference, text("transaction_reference"))
	g.equal(n+"date", got.Value, text("date"))
	g.equal(n+"entry_date", got.Booked, text("entry_date"))
	g.equal(n+"id", got.Code, strings.TrimSpace(text("id")))
	g.equal(n+"bank_reference", got.Reference, text("bank_reference"))
	if want["customer_reference"] != nil || want["end_to_end_reference"] == nil { // null where it takes SEPA's KREF+
		own := text("customer_reference")
		if own == "NONREF" {
			own = ""
		}
		if _, sepa := want["FRST_ONE_OFF_RECC"]; !sepa {
			g.equal(n+"customer_reference", got.Own, own)
		}
	}
	if got.Status != "" || got.Reversal || (got.Amount[0] == '-') != (text("status") == "D") {
		g.Errorf("%sstatus is %s: %+v", n, text("status"), got)
	}
	for _, name := range textFields {
		g.contains(n+name, got.Text, text(name))
	}
	if _, structured := want["applicant_name"]; structured {
		g.equal(n+"applicant_name", withoutSpace(got.Party), withoutSpace(text("applicant_name")))
		g.equal(n+"applicant_iban", got.Peer, text("applicant_iban"))
	} else {
		g.equal(n+"non_swift_15", got.Party, text("non_swift_15")+text("non_swift_16"))
		g.equal(n+"non_swift_34", got.Peer, text("non_swift_34"))
	}
}

func TestGoldenFilesWithOtherLineEnds(t *testing.T) {
	t.Parallel()
	for name, text := range recordedFiles(t) {
		unix := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		want := readAll(t, unix)
		for _, end := range []string{"\r\n", "\r"} {
			if got := readAll(t, bytes.ReplaceAll(unix, []byte("\n"), []byte(end))); got != want {
				t.Errorf("%s with line ends %q:\n%s\nwant\n%s", name, end, got, want)
			}
		}
	}
}

// recordedFiles returns the recorded files by name.
func recordedFiles(t testing.TB) map[string][]byte {
	t.Helper()
	root := statementtest.Data(t, "statements", "mt940")
	all := map[string][]byte{}
	for _, pattern := range []string{"*/*.sta", "*/*.txt"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)] = text
		}
	}
	if len(all) < 33 {
		t.Fatalf("only %d recorded files", len(all))
	}
	return all
}

// readAll returns everything that a read reports, as text.
func readAll(t testing.TB, text []byte) string {
	t.Helper()
	r := statementtest.NewRecorder(t)
	if err := statementtest.ReadChecked(t, text, mt940.Read, r); err != nil {
		return err.Error()
	}
	recorded, err := json.MarshalIndent([]any{r.Statements, r.Notices}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(recorded)
}
