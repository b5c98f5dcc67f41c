// The conformance suite, and what is particular to the API.

package cursor_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/connectortest"
	"bursar/internal/aggregate/connector/cursor"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

const (
	clientID = "client-4711"
	secret   = "s3cret<&\"value"
	token    = "access-sandbox-99"
	accounts = `{"account_id":"A1","name":"Checking","type":"depository","subtype":"checking","balances":{"current":110.10,"available":100,"iso_currency_code":"USD"}}`
	card     = `{"account_id":"A0","name":"Card","official_name":"Gold Card","type":"credit","balances":{"current":410.25,"available":null,"iso_currency_code":"USD"}}`
)

// api answers each cursor with a page.
type api struct {
	mutex sync.Mutex
	pages map[string]string
	asked []string // cursors
	fail  func(request int) (status int, body string)
}

func newAPI() *api {
	return &api{pages: map[string]string{
		"": `{"accounts":[` + accounts + `,` + card + `],"added":[
			{"transaction_id":"t1","account_id":"A1","amount":12.340,"iso_currency_code":"USD","date":"2024-01-05","name":"Coffee","merchant_name":"Cafe","authorized_date":"2024-01-04"},
			{"transaction_id":"p1","account_id":"A1","amount":5,"iso_currency_code":"USD","date":"2024-01-06","name":"Hold","pending":true},
			{"transaction_id":"gone","account_id":"A1","amount":1,"date":"2024-01-06","name":"x"},
			{"transaction_id":"other","account_id":"A0","amount":1,"date":"2024-01-06","name":"x"}],
			"modified":[],"removed":[],"next_cursor":"c1","has_more":true,"transactions_update_status":"HISTORICAL_UPDATE_COMPLETE"}`,
		"c1": `{"accounts":[` + accounts + `,` + card + `],"added":[
			{"transaction_id":"t2","account_id":"A1","amount":-12345678901234.56,"iso_currency_code":"EUR","date":"2024-01-07","name":"Salary","pending_transaction_id":"p1"}],
			"modified":[{"transaction_id":"t1","account_id":"A1","amount":12.99,"iso_currency_code":"USD","date":"2024-01-05","name":"Coffee and cake"}],
			"removed":[{"transaction_id":"p1","account_id":"A1"},{"transaction_id":"gone"},{"transaction_id":"far","account_id":"A0"}],"next_cursor":"c2","has_more":false}`,
		"c2": `{"accounts":[` + accounts + `,` + card + `],"added":[],"modified":[],"removed":[],"next_cursor":"c2","has_more":false}`,
	}}
}

type request struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"secret"`
	Token    string `json:"access_token"`
	Cursor   string `json:"cursor"`
	Count    int    `json:"count"`
	Options  struct {
		Account string `json:"account_id"`
	} `json:"options"`
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	var q request
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.asked = append(a.asked, q.Cursor)
	if a.fail != nil {
		if status, body := a.fail(len(a.asked)); status > 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	switch {
	case q.ClientID != clientID || q.Secret != secret || q.Token != token:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, apiError("INVALID_INPUT", "INVALID_ACCESS_TOKEN", "provided token "+q.Token+" and "+q.Secret))
	case r.URL.Path == "/v1/accounts/get":
		_, _ = io.WriteString(w, `{"accounts":[`+accounts+`,`+card+`]}`)
	case r.URL.Path != "/v1/transactions/sync":
		http.NotFound(w, r)
	case q.Options.Account == "A2":
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, apiError("INVALID_INPUT", "INVALID_ACCOUNT_ID", "no"))
	default:
		_, _ = io.WriteString(w, a.pages[q.Cursor])
	}
}

func apiError(kind, code, message string) string {
	text, err := json.Marshal(map[string]string{"error_type": kind, "error_code": code, "error_message": message})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func login(url string) connector.Login {
	return connector.Login{Settings: map[string]string{"url": url + "/v1/"}, Credentials: map[string]vault.Secret{
		"client_id": vault.NewSecret(clientID), "secret": vault.NewSecret(secret), "access_token": vault.NewSecret(token),
	}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(*testing.T) connectortest.Case {
		return connectortest.Case{
			Connector: cursor.Connector{}, Institution: newAPI(), Login: login,
			Spoil:   func(l *connector.Login) { l.Credentials["access_token"] = vault.NewSecret("access-expired") },
			Request: connector.Request{Account: "A1", Today: time.Date(2024, 1, 8, 0, 0, 0, 0, time.UTC)},
			Unknown: "A2",
		}
	})
}

func fetch(t *testing.T, a *api, r connector.Request) (*connectortest.Recorder, error) {
	t.Helper()
	institution := connectortest.NewInstitution(t, a)
	client := institution.Client(t)
	l := login(institution.URL)
	l.HTTP = client
	s, err := cursor.Connector{}.LogIn(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	r.Today = time.Date(2024, 1, 8, 0, 0, 0, 0, time.UTC)
	d := &connectortest.Recorder{}
	return d, s.Fetch(t.Context(), r, d)
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPages checks that all pages are one Changes with the newest state of each transaction, and the sign of amounts.
func TestPages(t *testing.T) {
	t.Parallel()
	want := connector.Changes{
		Account: "A1", Currency: "USD", Cursor: "c2",
		Transactions: []connector.Transaction{
			{ID: "t1", Amount: "-12.99", Booked: "2024-01-05", Text: "Coffee and cake"},
			{ID: "t2", Amount: "12345678901234.56", Currency: "EUR", Booked: "2024-01-07", Text: "Salary", Replaces: "p1"},
		},
		Removed:  []string{"p1", "gone"},
		Balances: []connector.Balance{{Kind: connector.Booked, Amount: "110.10", At: "2024-01-08"}, {Kind: connector.Available, Amount: "100", At: "2024-01-08"}},
	}
	got, err := fetch(t, newAPI(), connector.Request{Account: "A1"})
	if err != nil || len(got.Reports) != 1 || toJSON(t, got.Reports[0]) != toJSON(t, want) {
		t.Errorf("got  %s, %v\nwant %s", toJSON(t, got.Reports), err, toJSON(t, want))
	}
	got, err = fetch(t, newAPI(), connector.Request{Account: "A1", Cursor: "c2"})
	if err != nil || len(got.Reports) != 1 || len(got.Reports[0].Transactions) > 0 || got.Reports[0].Cursor != "c2" {
		t.Errorf("nothing new: %+v, %v", got, err)
	}
	got, err = fetch(t, newAPI(), connector.Request{Account: "A0"})
	if err != nil || got.Reports[0].Balances[0].Amount != "-410.25" || len(got.Reports[0].Balances) != 1 || len(got.Reports[0].Transactions) != 1 {
		t.Errorf("a card: %+v, %v", got, err)
	}
}

func TestPendingAndMade(t *testing.T) {
	t.Parallel()
	a := newAPI()
	a.pages[""] = strings.Replace(a.pages[""], `"has_more":true`, `"has_more":false`, 1)
	got, err := fetch(t, a, connector.Request{Account: "A1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []connector.Transaction{
		{ID: "t1", Amount: "-12.340", Booked: "2024-01-05", Made: "2024-01-04", Party: "Cafe", Text: "Coffee"},
		{ID: "p1", Pending: true, Amount: "-5", Made: "2024-01-06", Text: "Hold"},
	}
	if list := got.Reports[0].Transactions[:2]; !slices.Equal(list, want) {
		t.Errorf("got %+v, want %+v", list, want)
	}
}

// TestMutation checks that pages of two states are never joined: reading starts again, a bounded number of times.
func TestMutation(t *testing.T) {
	t.Parallel()
	mutation := apiError("TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", "updated during pagination")
	a := newAPI()
	a.fail = func(request int) (int, string) {
		if request == 2 {
			a.pages[""] = strings.Replace(a.pages[""], `"gone"`, `"new"`, 1)
			return http.StatusBadRequest, mutation
		}
		return 0, ""
	}
	got, err := fetch(t, a, connector.Request{Account: "A1"})
	if err != nil || len(got.Reports) != 1 || !slices.Equal(a.asked, []string{"", "c1", "", "c1"}) {
		t.Fatalf("asked for %q: %+v, %v", a.asked, got, err)
	}
	ids := []string{}
	for _, n := range got.Reports[0].Transactions {
		ids = append(ids, n.ID)
	}
	if !slices.Equal(ids, []string{"t1", "new", "t2"}) {
		t.Errorf("transactions %q", ids)
	}
	a = newAPI()
	a.fail = func(request int) (int, string) {
		if request%2 == 0 {
			return http.StatusBadRequest, mutation
		}
		return 0, ""
	}
	got, err = fetch(t, a, connector.Request{Account: "A1"})
	if failure.Of(err) != failure.Transient || err == nil || len(got.Reports) > 0 || len(a.asked) != 12 {
		t.Errorf("after %d requests: %+v, %v", len(a.asked), got, err)
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status           int
		kind, code, want string
		class            failure.Class
	}{
		{400, "ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "rejects the credentials: ITEM_LOGIN_REQUIRED", failure.Data},
		{400, "INVALID_INPUT", "INVALID_ACCESS_TOKEN", "rejects the credentials", failure.Data},
		{429, "RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT", "429", failure.Throttled},
		{400, "RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT", "TRANSACTIONS_SYNC_LIMIT", failure.Throttled},
		{400, "API_ERROR", "RATE_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED", failure.Throttled},
		{400, "INSTITUTION_ERROR", "INSTITUTION_DOWN", "INSTITUTION_DOWN", failure.Transient},
		{400, "ITEM_ERROR", "PRODUCT_NOT_READY", "PRODUCT_NOT_READY", failure.Transient},
		{500, "API_ERROR", "INTERNAL_SERVER_ERROR", "INTERNAL_SERVER_ERROR", failure.Transient},
		{500, "API_ERROR", "NEW_CODE", "NEW_CODE", failure.Transient},
		{400, "INVALID_REQUEST", "MISSING_FIELDS", "MISSING_FIELDS: see [secret]", failure.Data},
		{400, "", "", "status 400", failure.Data},
	} {
		a := newAPI()
		a.fail = func(int) (int, string) { return c.status, apiError(c.kind, c.code, "see "+secret) }
		d, err := fetch(t, a, connector.Request{Account: "A1"})
		if failure.Of(err) != c.class || err == nil || !strings.Contains(err.Error(), c.want) || len(d.Reports) > 0 {
			t.Errorf("%d %s: %s: %v", c.status, c.code, failure.Of(err), err)
		}
	}
}

// TestPagesThatAreRefused changes the first page.
func TestPagesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after, want string
		class               failure.Class
	}{
		{`"amount":12.340`, `"amount":"x"`, `transaction t1: "x" is not an amount`, failure.Data},
		{`"amount":12.340`, `"amount":1.2345678`, "is not an amount", failure.Data},
		{`"date":"2024-01-05"`, `"date":"5 January"`, "is not a day", failure.Data},
		{`"authorized_date":"2024-01-04"`, `"authorized_date":"0"`, "is not a day", failure.Data},
		{`"transaction_id":"t1"`, `"transaction_id":""`, "has no transaction_id", failure.Data},
		{`"amount":12.340,"iso_currency_code":"USD"`, `"amount":1,"unofficial_currency_code":"BTC"`, "not one of ISO 4217", failure.Data},
		{`"available":100,"iso_currency_code":"USD"`, `"available":100,"unofficial_currency_code":"BTC"`, "not one of ISO 4217", failure.Data},
		{`"current":110.10`, `"current":"much"`, "is not an amount", failure.Data},
		{`"next_cursor":"c1"`, `"next_cursor":""`, "no cursor of the next one", failure.Data},
		{`HISTORICAL_UPDATE_COMPLETE`, `NOT_READY`, "still collecting", failure.Transient},
		{`"account_id":"A1","name"`, `"account_id":"A3","name"`, "no account A1", failure.Data},
	} {
		a := newAPI()
		a.pages[""] = strings.Replace(a.pages[""], c.before, c.after, 1)
		d, err := fetch(t, a, connector.Request{Account: "A1"})
		if failure.Of(err) != c.class || err == nil || !strings.Contains(err.Error(), c.want) || len(d.Reports) > 0 {
			t.Errorf("%s: %s: %v, want %q", c.after, failure.Of(err), err, c.want)
		}
	}
}

func TestHistoryThatIsNotComplete(t *testing.T) {
	t.Parallel()
	a := newAPI()
	a.pages[""] = strings.Replace(a.pages[""], "HISTORICAL", "INITIAL", 1)
	d, err := fetch(t, a, connector.Request{Account: "A1"})
	if err != nil || !d.Reports[0].Partial || len(d.Reports[0].Warnings) != 1 {
		t.Errorf("%+v, %v", d.Reports, err)
	}
}

func TestLogInRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "x", "https://user:" + secret + "@bank.example", "https://bank.example?a=b"} {
		l := login("https://bank.example")
		l.Settings["url"] = address
		if _, err := (cursor.Connector{}).LogIn(t.Context(), l); failure.Of(err) != failure.Data || err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// FuzzPage checks that no answer makes the connector fail in a way that is not declared, or deliver an amount that is not one.
func FuzzPage(f *testing.F) {
	for _, page := range newAPI().pages {
		f.Add(200, page)
	}
	f.Add(400, apiError("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "x"))
	f.Fuzz(func(t *testing.T, status int, page string) {
		if status < 200 || status > 599 {
			return
		}
		l := login("https://bank.example")
		l.HTTP = &http.Client{Transport: roundTripper(func(*http.Request) *http.Response {
			w := httptest.NewRecorder()
			w.WriteHeader(status)
			_, _ = io.WriteString(w, page)
			return w.Result()
		})}
		s, err := cursor.Connector{}.LogIn(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		d := &connectortest.Recorder{}
		err = s.Fetch(t.Context(), connector.Request{Account: "A1", Cursor: "c1"}, d)
		if err != nil && failure.Of(err) == failure.Bug {
			t.Errorf("%v", err)
		}
		for i := range d.Reports {
			for _, n := range d.Reports[i].Transactions {
				if _, ok := connector.Amount(n.Amount); !ok || n.ID == "" {
					t.Errorf("delivered %+v", n)
				}
			}
		}
	})
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
