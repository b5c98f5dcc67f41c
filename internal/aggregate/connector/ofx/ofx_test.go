// The conformance suite in both syntaxes, and what is particular to the protocol.

package ofx_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/connectortest"
	"bursar/internal/aggregate/connector/ofx"
	format "bursar/internal/aggregate/format/ofx"
	"bursar/internal/aggregate/format/statement/statementtest"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

func login(url, version string) connector.Login {
	return connector.Login{
		Settings:    map[string]string{"url": url + "/ofx", "bank_id": "121000248", "version": version, "org": "B&B", "fid": "1", "client_uid": "c-1"},
		Credentials: map[string]vault.Secret{"user": vault.NewSecret(user), "password": vault.NewSecret(password)},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"102", "203"} { // one of each syntax
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, func(*testing.T) connectortest.Case {
				return connectortest.Case{
					Connector: ofx.Connector{}, Institution: &bank{},
					Login:   func(url string) connector.Login { return login(url, version) },
					Spoil:   func(l *connector.Login) { l.Credentials["password"] = vault.NewSecret("other<word") },
					Request: connector.Request{Account: "checking:123", From: day("2024-01-01"), Today: day("2024-03-10")},
					Unknown: "savings:456",
				}
			})
		})
	}
}

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// open opens a session at a bank; change may be nil.
func open(t *testing.T, b *bank, change func(*connector.Login)) connector.Session {
	t.Helper()
	institution := connectortest.NewInstitution(t, b)
	client := institution.Client(t)
	l := login(institution.URL, "203")
	l.HTTP = client
	if change != nil {
		change(&l)
	}
	s, err := ofx.Connector{}.LogIn(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fetch(t *testing.T, b *bank, account string, change func(*connector.Login)) (*connectortest.Recorder, error) {
	t.Helper()
	d := &connectortest.Recorder{}
	r := connector.Request{Account: account, From: day("2024-01-01"), Today: day("2024-03-10")}
	return d, open(t, b, change).Fetch(t.Context(), r, d)
}

func TestList(t *testing.T) {
	t.Parallel()
	got, err := open(t, &bank{}, nil).List(t.Context())
	want := []connector.Account{
		{ID: "card:4111111111111111", Name: "Card"},
		{ID: "checking:123", Name: "Everyday", Type: "checking"},
		{ID: "savings:999/123", Type: "savings"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestStatements checks what is asked for, window by window, and that the statements are delivered as the bank sends them.
func TestStatements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ account, version, in string }{
		{"checking:123", "203", "<BANKACCTFROM><BANKID>121000248</BANKID><ACCTID>123</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>"},
		{"savings:999/123", "211", "<BANKACCTFROM><BANKID>999</BANKID><ACCTID>123</ACCTID><ACCTTYPE>SAVINGS</ACCTTYPE></BANKACCTFROM>"},
		{"card:4111111111111111", "220", "<CCSTMTRQ><CCACCTFROM><ACCTID>4111111111111111</ACCTID></CCACCTFROM>"},
		{"checking:123", "103", "<BANKACCTFROM><BANKID>121000248\r\n<ACCTID>123\r\n<ACCTTYPE>CHECKING\r\n</BANKACCTFROM>"},
	} {
		b := &bank{}
		got, err := fetch(t, b, c.account, func(l *connector.Login) { l.Settings["version"] = c.version })
		kind, _, _ := strings.Cut(c.account, ":")
		digits := map[string]string{"card": "1111"}[kind]
		if digits == "" {
			digits = "123"
		}
		names := []string{
			kind + "-" + digits + "_2024-01-01_2024-01-31.ofx", kind + "-" + digits + "_2024-02-01_2024-03-02.ofx", kind + "-" + digits + "_2024-03-03_2024-03-10.ofx",
		}
		if err != nil || !slices.Equal(got.Names, names) {
			t.Fatalf("%s: %q, %v", c.account, got.Names, err)
		}
		asked := []string{}
		for i, request := range b.requests {
			if !strings.Contains(request, c.in) || !strings.Contains(request, "B&amp;B") || valueOf(request, "CLIENTUID") != "c-1" {
				t.Errorf("%s: request %q", c.account, request)
			}
			asked = append(asked, valueOf(request, "DTSTART")+"-"+valueOf(request, "DTEND"))
			if content := got.Documents[names[i]]; content != header(request)+"<OFX>"+b.answer(request)+"</OFX>\n" {
				t.Errorf("delivered %q", content)
			}
			r := statementtest.NewRecorder(t)
			if err := format.Read(strings.NewReader(got.Documents[names[i]]), r); err != nil || len(r.Statements) != 1 {
				t.Errorf("%s: %v", names[i], err)
			}
		}
		if !slices.Equal(asked, []string{"20240101-20240131235959", "20240201-20240302235959", "20240303-"}) {
			t.Errorf("asked for %q", asked)
		}
	}
}

func TestStatusCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signOn, status, want string
		class                failure.Class
	}{
		{"15500", "", "wrong user or password", failure.Data},
		{"15502", "", "locked out", failure.Data},
		{"15000", "", "new password", failure.Data},
		{"15501", "", "code 15501", failure.Transient},
		{"13504", "", "settings org and fid", failure.Data},
		{"15512", "", "asks: the one-time password", failure.Data},
		{"15513", "", "did not accept the one-time password", failure.Data},
		{"3000", "", "Mother's maiden name? City of birth? (separate the answers by semicolons)", failure.Data},
		{"2000", "", "code 2000", failure.Transient},
		{"", "2000", "code 2000", failure.Transient},
		{"", "2003", "no account checking:123", failure.Data},
		{"", "2004", "no account checking:123", failure.Data},
		{"", "2028", "code 2028, severity ERROR: as asked by [secret]", failure.Data},
		{"", "15502", "locked out", failure.Data},
	} {
		b := &bank{status: c.status}
		if c.signOn != "" {
			b.signOn = func(string) string { return c.signOn }
		}
		d, err := fetch(t, b, "checking:123", nil)
		if failure.Of(err) != c.class || err == nil || !strings.Contains(err.Error(), c.want) || len(d.Names) > 0 || strings.Contains(err.Error(), password) {
			t.Errorf("%s%s: %s: %v", c.signOn, c.status, failure.Of(err), err)
		}
	}
}

// TestOneTimePassword checks that the answer is sent as long as the bank has given no key for the rest of the session.
func TestOneTimePassword(t *testing.T) {
	t.Parallel()
	used := 0
	b := &bank{signOn: func(request string) string {
		switch {
		case valueOf(request, "ACCESSKEY") == "key-1" && valueOf(request, "AUTHTOKEN") == "" && valueOf(request, "SESSCOOKIE") == "cookie-1":
			return "0"
		case valueOf(request, "AUTHTOKEN") == "":
			return "15512"
		case valueOf(request, "AUTHTOKEN") != "314159" || used > 0:
			return "15513"
		}
		used++
		return "<SESSCOOKIE>cookie-1</SESSCOOKIE><ACCESSKEY>key-1</ACCESSKEY>"
	}}
	answer := func(text string) func(l *connector.Login) {
		return func(l *connector.Login) { l.Answer = vault.NewSecret(text) }
	}
	var question *connector.QuestionError
	for _, wrong := range []string{"", "271828"} {
		if d, err := fetch(t, b, "checking:123", answer(wrong)); !errors.As(err, &question) || len(d.Names) > 0 {
			t.Errorf("with %q: %v", wrong, err)
		}
	}
	if d, err := fetch(t, b, "checking:123", answer("314159")); err != nil || len(d.Names) != 3 {
		t.Errorf("%q, %v", d.Names, err)
	}
}

// TestChallenges checks that the answers are sent with the names of the bank's questions.
func TestChallenges(t *testing.T) {
	t.Parallel()
	b := &bank{signOn: func(request string) string {
		if strings.Contains(request, "<MFACHALLENGEA><MFAPHRASEID>MFA16</MFAPHRASEID><MFAPHRASEA>Smith</MFAPHRASEA></MFACHALLENGEA>"+
			"<MFACHALLENGEA><MFAPHRASEID>MFA1</MFAPHRASEID><MFAPHRASEA>Rome</MFAPHRASEA></MFACHALLENGEA>") {
			return "0"
		}
		if strings.Contains(request, "<MFACHALLENGEA>") {
			return "3001"
		}
		return "3000"
	}}
	d, err := fetch(t, b, "checking:123", func(l *connector.Login) { l.Answer = vault.NewSecret("Smith; Rome") })
	if err != nil || len(d.Names) != 3 {
		t.Errorf("%q, %v", d.Names, err)
	}
	for _, wrong := range []string{"Smith", "Smith; Paris", ""} {
		b.requests = nil
		var question *connector.QuestionError
		_, err := fetch(t, b, "checking:123", func(l *connector.Login) { l.Answer = vault.NewSecret(wrong) })
		if !errors.As(err, &question) || len(b.requests) > 4 {
			t.Errorf("with %q: %d requests, %v", wrong, len(b.requests), err)
		}
	}
}

func TestLogInRefuses(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"url": "bank", "version": "104", "days": "0"} {
		l := login("https://bank.example", "203")
		l.Settings[name] = value
		if _, err := (ofx.Connector{}).LogIn(t.Context(), l); failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b := &bank{}
	_, err := fetch(t, b, "checking:123", func(l *connector.Login) { delete(l.Settings, "bank_id") })
	if err == nil || !strings.Contains(err.Error(), "bank_id") || len(b.requests) > 0 {
		t.Errorf("without bank_id: %v", err)
	}
	var unknown *connector.UnknownAccountError
	for _, id := range []string{"", "123", "checking:", "loan:5"} {
		if _, err := fetch(t, b, id, nil); !errors.As(err, &unknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestAnswerWithoutStatement checks that a success without a statement is refused.
func TestAnswerWithoutStatement(t *testing.T) {
	t.Parallel()
	b := &bank{status: "0"}
	if d, err := fetch(t, b, "checking:123", nil); failure.Of(err) != failure.Data || err == nil || len(d.Names) > 0 {
		t.Errorf("%q, %v", d.Names, err)
	}
}

// FuzzAnswer checks that no answer makes the connector fail in a way that is not declared.
func FuzzAnswer(f *testing.F) {
	b := &bank{}
	for _, request := range []string{"<USERID>user&lt;&amp;&gt;1<USERPASS>pass&amp;word;x<ACCTID>123", "<?xml<USERID>x", "<MFACHALLENGERQ>", "<ACCTINFORQ>"} {
		f.Add("<OFX>" + b.answer(request) + "</OFX>")
	}
	f.Add("<OFX><SIGNONMSGSRSV1><SONRS>" + status("3000") + "</SONRS></SIGNONMSGSRSV1></OFX>")
	f.Fuzz(func(t *testing.T, answer string) {
		l := login("https://bank.example", "102")
		l.HTTP = &http.Client{Transport: roundTripper(func(*http.Request) *http.Response {
			w := httptest.NewRecorder()
			_, _ = io.WriteString(w, answer)
			return w.Result()
		})}
		s, err := ofx.Connector{}.LogIn(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		d := &connectortest.Recorder{}
		errs := []error{s.Fetch(t.Context(), connector.Request{Account: "checking:123", From: day("2024-03-01"), Today: day("2024-03-10")}, d)}
		accounts, err := s.List(t.Context())
		for _, err := range append(errs, err) {
			if err != nil && failure.Of(err) == failure.Bug {
				t.Errorf("%v", err)
			}
		}
		for _, name := range d.Names {
			if !strings.Contains(strings.ToUpper(d.Documents[name]), "OFX") {
				t.Errorf("delivered %q", d.Documents[name])
			}
		}
		for _, a := range accounts {
			if !strings.Contains(a.ID, ":") {
				t.Errorf("listed %+v", a)
			}
		}
	})
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
