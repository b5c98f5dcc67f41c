// The conformance suite, and what is particular to the protocol.

package simplefin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/connectortest"
	"bursar/internal/aggregate/connector/simplefin"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

const (
	user     = "demo-user-41"
	password = "p&ss w<rd/9+"
)

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// bridge is a server of the protocol whose accounts are texts of JSON, without their ends.
type bridge struct {
	accounts map[string]string
	rest     string   // of the answer, after the accounts
	asked    []string // queries
}

func newBridge() *bridge {
	return &bridge{
		accounts: map[string]string{
			"ACT-2": `{"id":"ACT-2","name":"Savings","currency":"USD","balance":"0.00","balance-date":1735000000,"transactions":[]}`,
			"ACT-1": `{"id":"ACT-1","name":"Checking","conn_id":"C1","currency":"usd","balance":1234567890123456.78,"available-balance":"-5.50","balance-date":1735000000,` +
				`"transactions":[{"id":"T1","posted":1734000000,"amount":"-33293.43","description":"Uncle Frank's Bait Shop","payee":"Frank"},` +
				`{"id":"T2","posted":0,"transacted_at":1734100000,"amount":1.10e1,"description":"Hold","pending":true}]}`,
		},
		rest: `,"errlist":[],"connections":[{"conn_id":"C1","name":"My Bank"}]`,
	}
}

func (b *bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	}
	var list []string
	wanted := r.URL.Query()["account"]
	for id, text := range b.accounts {
		if len(wanted) == 0 || slices.Contains(wanted, id) {
			list = append(list, text)
		}
	}
	_, _ = io.WriteString(w, `{"accounts":[`+strings.Join(list, ",")+`]`+b.rest+`}`)
}

func (b *bridge) serve(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.URL.Query().Get("start-date")+"-"+r.URL.Query().Get("end-date"))
	b.ServeHTTP(w, r)
}

func login(url string) connector.Login {
	access := strings.Replace(url, "https://", "https://demo-user-41:p%26ss%20w%3Crd%2F9+@", 1) + "/simplefin"
	return connector.Login{Credentials: map[string]vault.Secret{"access_url": vault.NewSecret(access)}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(*testing.T) connectortest.Case {
		return connectortest.Case{
			Connector: simplefin.Connector{}, Institution: newBridge(), Login: login,
			Spoil: func(l *connector.Login) {
				l.Credentials["access_url"] = vault.NewSecret(strings.Replace(l.Credentials["access_url"].Reveal(), "demo-user-41", "other-user-1", 1))
			},
			Request: connector.Request{Account: "ACT-1", From: day("2024-10-01"), Today: day("2024-12-24")},
			Unknown: "ACT-3",
		}
	})
}

// open opens a session at a handler.
func open(t *testing.T, handler http.HandlerFunc) (connector.Session, *http.Client, string) {
	t.Helper()
	institution := connectortest.NewInstitution(t, handler)
	client := institution.Client(t)
	l := login(institution.URL)
	l.HTTP = client
	s, err := simplefin.Connector{}.LogIn(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return s, client, institution.URL
}

func fetch(t *testing.T, b *bridge, r connector.Request) (*connectortest.Recorder, error) {
	t.Helper()
	s, _, _ := open(t, b.serve)
	d := &connectortest.Recorder{}
	return d, s.Fetch(t.Context(), r, d)
}

func TestChanges(t *testing.T) {
	t.Parallel()
	b := newBridge()
	got, err := fetch(t, b, connector.Request{Account: "ACT-1", From: day("2024-10-01"), Today: day("2024-12-24")})
	if err != nil || len(got.Reports) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	want := connector.Changes{
		Account: "ACT-1", Currency: "USD", Complete: true, From: "2024-10-26", To: "2024-12-24",
		Transactions: []connector.Transaction{
			{ID: "T1", Amount: "-33293.43", Booked: "2024-12-12", Party: "Frank", Text: "Uncle Frank's Bait Shop"},
			{ID: "T2", Pending: true, Amount: "11", Made: "2024-12-13", Text: "Hold"},
		},
		Balances: []connector.Balance{
			{Kind: connector.Booked, Amount: "1234567890123456.78", At: "2024-12-24T00:26:40Z"},
			{Kind: connector.Available, Amount: "-5.50", At: "2024-12-24T00:26:40Z"},
		},
	}
	if text, wanted := toJSON(t, got.Reports[1]), toJSON(t, want); text != wanted {
		t.Errorf("got  %s\nwant %s", text, wanted)
	}
	if c := got.Reports[0]; c.From != "2024-10-01" || c.To != "2024-10-25" || !c.Complete {
		t.Errorf("the first window is %+v", c)
	}
	seconds := func(from, to string) string {
		return strconv.FormatInt(day(from).Unix(), 10) + "-" + strconv.FormatInt(day(to).Unix(), 10)
	}
	if asked := []string{seconds("2024-10-01", "2024-10-26"), seconds("2024-10-26", "2024-12-25")}; !slices.Equal(b.asked, asked) {
		t.Errorf("asked for %q, want %q", b.asked, asked)
	}
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestErrors checks what the errors of both versions lead to: log in again, try again, or a warning with data that prove nothing.
func TestErrors(t *testing.T) {
	t.Parallel()
	const org = `,"org":{"name":"My Bank"}`
	for _, c := range []struct{ name, org, rest, missing, want string }{
		{name: "log in again, 1", rest: `,"errors":["You must reauthenticate."]`, want: "credentials: You must reauthenticate."},
		{name: "this bank, 1", org: org, rest: `,"errors":["Connection to My Bank may need attention"]`, want: "credentials: Connection to My Bank may need attention"},
		{name: "another bank, 1", org: org, rest: `,"errors":["Connection to Other may need attention. Auth required"]`, want: "complete []"},
		{name: "a message, 1", rest: `,"errors":["Some data\u0000is\nlate"]`, want: "partial [Some data is late]"},
		{name: "no errors, 1", rest: `,"errors":[]`, want: "complete []"},
		{name: "log in again, 2", rest: `,"errlist":[{"code":"con.auth","msg":"Auth","conn_id":"C1"}],"errors":["Auth"]`, want: "credentials: Auth"},
		{name: "another connection, 2", rest: `,"errlist":[{"code":"con.auth","msg":"Auth","conn_id":"C2"}]`, want: "complete []"},
		{name: "capped, 2", rest: `,"errlist":[{"code":"gen.api","msg":"was capped"}]`, want: "partial [was capped]"},
		{name: "missing data, 2", rest: `,"errlist":[{"code":"act.missingdata","msg":"Incomplete","account_id":"ACT-1"}]`, want: "partial [Incomplete]"},
		{name: "another account, 2", rest: `,"errlist":[{"code":"act.missingdata","msg":"Incomplete","account_id":"ACT-2"}]`, want: "complete []"},
		{name: "unknown code, 2", rest: `,"errlist":[{"code":"con.x","msg":"","message":"What","conn_id":"C1"}]`, want: "partial [What]"},
		{name: "no account, failed", missing: "y", rest: `,"errlist":[{"code":"act.failed","msg":"Try later","account_id":"ACT-1"}]`, want: "transient"},
		{name: "no account, log in", missing: "y", rest: `,"errlist":[{"code":"con.auth","msg":"Auth","conn_id":"C1"}]`, want: "credentials: Auth"},
		{name: "no account", missing: "y", want: "unknown"},
		{name: "secrets in a message", rest: `,"errors":["Access by p&ss w<rd/9+ ends"]`, want: "partial [Access by [secret] ends]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBridge()
			b.rest = c.rest
			b.accounts["ACT-1"] = strings.Replace(b.accounts["ACT-1"], `,"currency"`, c.org+`,"currency"`, 1)
			if c.missing != "" {
				b.accounts = nil
			}
			d, err := fetch(t, b, connector.Request{Account: "ACT-1", From: day("2024-12-01"), Today: day("2024-12-24")})
			if got := outcome(d, err); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func outcome(d *connectortest.Recorder, err error) string {
	var rejected *connector.CredentialsError
	var unknown *connector.UnknownAccountError
	switch {
	case errors.As(err, &rejected):
		return "credentials: " + rejected.Reason
	case errors.As(err, &unknown):
		return "unknown"
	case err != nil:
		return failure.Of(err).String()
	}
	c := &d.Reports[0]
	if c.Partial == c.Complete {
		return fmt.Sprintf("both %v", c.Partial)
	}
	return map[bool]string{true: "partial ", false: "complete "}[c.Partial] + fmt.Sprint(c.Warnings)
}

// TestRefused checks that data which cannot be right are refused by name.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after, want string }{
		{`"usd"`, `"https://www.example.com/miles"`, "not one of ISO 4217"},
		{`"-33293.43"`, `"1,5"`, `transaction T1: "1,5" is not an amount`},
		{`"-33293.43"`, `true`, "is not a number"},
		{`1.10e1`, `1e-7`, `transaction T2: "1e-7" is not an amount`},
		{`1734000000`, `"soon"`, `posted "soon" is not a time`},
		{`1735000000`, `99999999999999`, "balance-date"},
		{`"T1"`, `""`, "has no id"},
		{`"T1"`, `5`, "not the expected JSON"},
	} {
		b := newBridge()
		b.accounts["ACT-1"] = strings.Replace(b.accounts["ACT-1"], c.before, c.after, 1)
		d, err := fetch(t, b, connector.Request{Account: "ACT-1", Today: day("2024-12-24")})
		if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), c.want) || len(d.Reports) > 0 {
			t.Errorf("%s: %v, want %q", c.after, err, c.want)
		}
	}
}

func TestLogInRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://u:secret1@bank.example", "https://bank.example", "https://u:secret1@", "https://u:sec ret1@bank.example/%zz", "secret1"} {
		_, err := simplefin.Connector{}.LogIn(t.Context(), connector.Login{Credentials: map[string]vault.Secret{"access_url": vault.NewSecret(address)}})
		if failure.Of(err) != failure.Data || err == nil || strings.Contains(err.Error(), "ret1") {
			t.Errorf("%s: %v", address, err)
		}
	}
	l := login("https://bank.example")
	l.Settings = map[string]string{"days": "91"}
	if _, err := (simplefin.Connector{}).LogIn(t.Context(), l); err == nil || !strings.Contains(err.Error(), "days") {
		t.Errorf("91 days: %v", err)
	}
}
