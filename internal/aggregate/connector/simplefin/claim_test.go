// Tests of setup tokens, and a fuzz test of all answers.

package simplefin_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/connectortest"
	"bursar/internal/aggregate/connector/simplefin"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	const accessURL = "https://u1:p1@bank.example/simplefin"
	claims := 0
	_, client, url := open(t, func(w http.ResponseWriter, r *http.Request) {
		claims++
		switch {
		case r.Method != http.MethodPost || r.URL.Path != "/claim/tok3n-0ne":
			http.NotFound(w, r)
		case claims == 1:
			_, _ = io.WriteString(w, accessURL+"\n")
		default:
			http.Error(w, "Forbidden", http.StatusForbidden)
		}
	})
	token := encodeToken(url + "/claim/tok3n-0ne")
	got, err := simplefin.Claim(t.Context(), client, token)
	if err != nil || got.Reveal() != accessURL {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
	var rejected *connector.CredentialsError
	if _, err := simplefin.Claim(t.Context(), client, token); !errors.As(err, &rejected) || !strings.Contains(err.Error(), "used before") {
		t.Errorf("again: %v", err)
	}
	for _, wrong := range []vault.Secret{{}, vault.NewSecret("???"), encodeToken("http://bank.example/tok3n"), encodeToken(url + "/other/tok3n-0ne")} {
		if _, err := simplefin.Claim(t.Context(), client, wrong); failure.Of(err) != failure.Data || err == nil || strings.Contains(err.Error(), "tok3n") {
			t.Errorf("%s: %v", wrong.Reveal(), err)
		}
	}
}

func encodeToken(address string) vault.Secret {
	return vault.NewSecret(base64.StdEncoding.EncodeToString([]byte(address)))
}

// FuzzAnswer checks that no answer makes the connector fail in a way that is not declared, or deliver an amount that is not one.
func FuzzAnswer(f *testing.F) {
	for _, text := range newBridge().accounts {
		f.Add(`{"accounts":[`+text+`],"errlist":[{"code":"x"}]}`, "https://u:p@h")
	}
	f.Add(`{"accounts":[{"id":"ACT-1","transactions":[{}]}],"errors":["x"]}`, "x")
	f.Fuzz(func(t *testing.T, text, access string) {
		client := &http.Client{Transport: roundTripper(func(*http.Request) *http.Response {
			w := httptest.NewRecorder()
			_, _ = io.WriteString(w, text)
			return w.Result()
		})}
		_, _ = simplefin.Claim(context.Background(), client, vault.NewSecret(access))
		l := login("https://bank.example")
		l.HTTP = client
		s, err := simplefin.Connector{}.LogIn(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		d := &connectortest.Recorder{}
		err = s.Fetch(t.Context(), connector.Request{Account: "ACT-1", Today: day("2024-12-24")}, d)
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
