// Checks the assertions of other readers' tests.

package ofx_test

import (
	"encoding/json"
	"strings"
	"time"

	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// checkPeer checks one assertion. Every assertion must be known here, so that none is ignored.
func (r *reading) checkPeer(what string, value json.RawMessage) {
	r.t.Helper()
	text := strings.Trim(string(value), `"`)
	invested := len(r.notices("investment")) > 0
	switch what {
	case "asserted_by", "note", "strict_mode": // this reader has only one mode, which reports what cannot be read
	case "account":
		if invested {
			r.equal(what, r.notice("investment", 0, "account"), text)
			return
		}
		r.equal(what, r.onlyStatement().Account, text)
	case "accounts":
		r.checkAccounts(value)
	case "types":
		for i, want := range decodeList[string](r, value) {
			r.equal(what, r.notice("account", i, "type"), want)
		}
	case "routing":
		r.equal(what, r.notice("account", 0, what), text)
		r.expectDifference(what, r.Statements[0].Servicer != text)
	case "branch", "type", "transaction_uid":
		r.equal(what, r.notice("account", 0, what), text)
	case "header":
		for name, want := range decodeOne[map[string]string](r, value) {
			r.equal(name, r.notice("header", 0, name), want)
		}
	case "currency", "warning": // null and empty
		if text == "null" || what == "warning" {
			text = ""
		}
		r.equal(what, r.onlyStatement().Currency, text)
	case "ledger_balance":
		r.checkBalance(r.onlyStatement(), statement.ClosingBooked, &text, "")
	case "available_balance":
		r.checkBalance(r.onlyStatement(), statement.ClosingAvailable, &text, "")
	case "balance_date":
		r.equal(what, r.onlyStatement().Created, text)
	case "start":
		r.equal(what, r.onlyStatement().From, text)
	case "end":
		r.equal(what, r.onlyStatement().To, text[:10])
		r.expectDifference(what, r.onlyStatement().To != text)
	case "transactions", "discarded":
		r.checkTransactions(what, decodeOne[int](r, value))
	case "signon", "status":
		r.checkResponse(strings.Replace(what, "signon", "sign-on", 1), value)
	default:
		r.checkPeerInvestment(what, text, value)
	}
}

func (r *reading) checkPeerInvestment(what, text string, value json.RawMessage) {
	r.t.Helper()
	switch what {
	case "first", "second", "last":
		r.checkTransaction(map[string]int{"first": 0, "second": 1, "last": -1}[what], decodeOne[map[string]string](r, value))
	case "inv":
		for i, want := range decodeList[map[string]string](r, value) {
			r.checkTransaction(i, want)
		}
	case "inv_transactions":
		r.count(what, len(r.notices("investment transaction")), decodeOne[int](r, value))
	case "positions":
		if value[0] != '[' {
			r.count(what, len(r.notices("position")), decodeOne[int](r, value))
			return
		}
		for i, want := range decodeList[map[string]string](r, value) {
			r.checkFields("position", i, want)
		}
	case "position0", "balance0":
		r.checkFields(strings.TrimSuffix(what, "0"), 0, decodeOne[map[string]string](r, value))
	case "position0_units":
		r.number(what, r.notice("position", 0, "units"), text)
	case "securities":
		r.count(what, len(r.notices("security")), decodeOne[int](r, value))
	case "balance_list":
		r.count(what, len(r.notices("balance")), decodeOne[int](r, value))
	case "available_cash", "margin":
		r.number(what, r.notice("investment balance", 0, what), text)
	default:
		r.t.Errorf("the assertion %s of peers is not compared", what)
	}
}

// expectDifference checks that the table of differences is correct.
func (r *reading) expectDifference(what string, does bool) {
	r.t.Helper()
	if differs(r.file, what) != does {
		r.t.Errorf("the table of differences is wrong about %s of %s", what, r.file)
	}
}

// onlyStatement returns the only statement of a file.
func (r *reading) onlyStatement() *statementtest.Statement {
	r.t.Helper()
	if len(r.Statements) != 1 {
		r.t.Fatalf("%d statements, want one", len(r.Statements))
	}
	return &r.Statements[0]
}

// checkAccounts checks accounts, which are asserted as a number, by account number, or by fields.
func (r *reading) checkAccounts(value json.RawMessage) {
	r.t.Helper()
	if value[0] != '[' {
		r.count("accounts", len(r.Statements), decodeOne[int](r, value))
		return
	}
	for i, raw := range decodeList[json.RawMessage](r, value) {
		if raw[0] == '"' {
			r.equal("account", r.Statements[i].Account, decodeOne[string](r, raw))
			continue
		}
		for name, want := range decodeOne[map[string]string](r, raw) {
			r.equal(name, r.notice("account", i, name), want)
		}
	}
}

// checkTransactions counts the entries that can be read; the peer discards the others.
func (r *reading) checkTransactions(what string, want int) {
	r.t.Helper()
	if r.notices("investment") != nil {
		r.expectDifference(what, true)
		r.count(what, len(r.notices("investment transaction")), want)
		return
	}
	readable, not := 0, 0
	for _, e := range r.onlyStatement().Entries {
		_, ok := statement.Amount(e.Amount, '.')
		if _, err := time.Parse("2006-01-02", e.Booked); ok && err == nil {
			readable++
		} else {
			not++
		}
	}
	r.expectDifference("transactions", not > 0)
	if what == "discarded" {
		readable = not
	}
	r.count(what, readable, want)
}

func (r *reading) checkResponse(what string, value json.RawMessage) {
	r.t.Helper()
	var want struct {
		Code              json.Number
		Severity, Message string
	}
	r.decode(value, &want)
	r.equal("code", r.notice(what, 0, "code"), want.Code.String())
	r.equal("severity", r.notice(what, 0, "severity"), want.Severity)
	if want.Message != "" || strings.Contains(string(value), "message") {
		r.equal("message", r.notice(what, 0, "message"), want.Message)
	}
}

// checkTransaction checks an entry of a statement, or an investment transaction.
func (r *reading) checkTransaction(i int, want map[string]string) {
	r.t.Helper()
	if r.notices("investment") != nil {
		r.checkFields("investment transaction", i, want)
		return
	}
	e := r.onlyStatement().Entries[i]
	for name, value := range want {
		switch name {
		case "payee":
			r.equal(name, e.Party, value)
		case "type":
			r.equal(name, strings.ToLower(e.Code), value)
		case "amount":
			r.number(name, e.Amount, value)
		case "memo":
			r.equal(name, e.Text, value)
		default:
			r.t.Errorf("the assertion %s of peers about an entry is not compared", name)
		}
	}
}

// checkFields compares a notice: numbers by value, times by instant, kinds without case.
func (r *reading) checkFields(what string, i int, want map[string]string) {
	r.t.Helper()
	for name, value := range want {
		got := r.notice(what, i, name)
		switch name {
		case "units", "unit_price", "market_value", "total", "amount", "value":
			if got == "" {
				r.expectDifference(name, true)
				continue
			}
			r.number(name, got, value)
		case "type":
			if bank := r.notice(what, i, "trntype"); bank != "" {
				got = bank
			}
			r.equal(name, strings.ToLower(got), value)
		case "date_utc":
			r.checkInstant(name, r.notice(what, i, "date"), value)
			r.expectDifference(name, true)
		case "trade", "settle":
			r.checkInstant(name, got, value+":00")
		default:
			r.equal(name, got, value)
		}
	}
}

func (r *reading) checkInstant(what, got, utc string) {
	r.t.Helper()
	at, err := time.Parse(time.RFC3339, got)
	if err != nil || at.UTC().Format("2006-01-02T15:04:05") != utc {
		r.t.Errorf("%s is %q, want %s in UTC: %v", what, got, utc, err)
	}
}

func (r *reading) decode(value json.RawMessage, to any) {
	r.t.Helper()
	if err := json.Unmarshal(value, to); err != nil {
		r.t.Fatalf("%s: %v", value, err)
	}
}

func decodeOne[T any](r *reading, value json.RawMessage) (v T) {
	r.t.Helper()
	r.decode(value, &v)
	return v
}

func decodeList[T any](r *reading, value json.RawMessage) []T {
	r.t.Helper()
	return decodeOne[[]T](r, value)
}
