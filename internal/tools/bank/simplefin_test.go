// Tests of SimpleFIN: claims, both versions against the truth, and intervals.

package bank

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sfAnswer is an answer of either version.
type sfAnswer struct {
	Errors      []string       `json:"errors"`
	ErrorList   []sfError      `json:"errlist"`
	Connections []sfConnection `json:"connections"`
	Accounts    []sfAccount    `json:"accounts"`
}

func simpleFIN(t testing.TB, client *http.Client, accessURL, query string) (int, sfAnswer) {
	t.Helper()
	status, _, text := answerTo(t, client, http.MethodGet, accessURL+"/accounts?"+query, "")
	var answer sfAnswer
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	return status, answer
}

func (a *sfAccount) entries() (posted, pending []string) {
	for _, x := range a.Transactions {
		if x.Pending {
			pending = append(pending, strings.Join([]string{time.Unix(x.Made, 0).UTC().Format(time.DateOnly), x.Amount, x.ID}, " "))
			continue
		}
		posted = append(posted, strings.Join([]string{time.Unix(x.Posted, 0).UTC().Format(time.DateOnly), x.Amount, x.ID}, " "))
	}
	return posted, pending
}

func (t Truth) pendingEntries() (list []string) {
	return Truth{Posted: t.Pending}.entries()
}

func TestSimpleFINIsTheTruth(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 8, Accounts: 12, PerUser: 3})
	client := b.client(t)
	for i, a := range b.Accounts() {
		truth, version := b.Truth(a.ID), fmt.Sprint(i%2+1)
		status, answer := simpleFIN(t, client, a.AccessURL, "pending=1&account="+a.ID+"&version="+version)
		if status != http.StatusOK || len(answer.Accounts) != 1 || len(answer.Errors)+len(answer.ErrorList) != 0 {
			t.Fatalf("account %s: status %d: %+v", a.ID, status, answer)
		}
		got := answer.Accounts[0]
		posted, pending := got.entries()
		equal(t, a.ID, posted, truth.entries())
		equal(t, a.ID+" pending", pending, truth.pendingEntries())
		if got.Balance != amount(truth.Booked) || got.Available != amount(truth.Available) || got.Currency != a.Currency || got.BalanceDate != noon().Unix() {
			t.Errorf("account %s: %+v", a.ID, got)
		}
		if a.Type == card && got.Extra["payment-due"] != amount(truth.Due) {
			t.Errorf("account %s: due %v", a.ID, got.Extra)
		}
		if isNew := version == "2"; isNew != (len(answer.Connections) == 1) || isNew == (got.Organization != nil) || isNew == (answer.Errors != nil) {
			t.Errorf("version %s has the form of the other one: %+v", version, answer)
		}
	}
	if _, answer := simpleFIN(t, client, b.Accounts()[0].AccessURL, ""); len(answer.Accounts) != 3 {
		t.Errorf("%d accounts without a choice", len(answer.Accounts))
	}
}

func TestSimpleFINIntervals(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 9, Statements: 8})
	client, a := b.client(t), b.Accounts()[0]
	var pieces []string
	for from := noon().AddDate(0, -9, 0).Truncate(day); from.Before(noon()); from = from.AddDate(0, 0, 60) {
		_, answer := simpleFIN(t, client, a.AccessURL, fmt.Sprintf("start-date=%d&end-date=%d", from.Unix(), from.AddDate(0, 0, 60).Unix()))
		posted, pending := answer.Accounts[0].entries()
		if len(pending) != 0 || len(answer.Errors) != 0 {
			t.Errorf("from %v: %v, %v", from, pending, answer.Errors)
		}
		pieces = append(pieces, posted...)
	}
	equal(t, "intervals", pieces, b.Truth(a.ID).entries())
	_, answer := simpleFIN(t, client, a.AccessURL, fmt.Sprintf("start-date=%d", noon().AddDate(0, -6, 0).Unix()))
	if posted, _ := answer.Accounts[0].entries(); len(answer.Errors) != 1 || len(posted) >= len(pieces) {
		t.Errorf("half a year at once: %v, %d transactions", answer.Errors, len(posted))
	}
	_, answer = simpleFIN(t, client, a.AccessURL, "balances-only=1&pending=1")
	if len(answer.Accounts[0].Transactions) != 0 || answer.Accounts[0].Balance == "" {
		t.Errorf("balances only: %+v", answer.Accounts[0])
	}
}

func TestSimpleFINClaims(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 10, Accounts: 2})
	client, a := b.client(t), b.Accounts()[1]
	claim, err := base64.StdEncoding.DecodeString(b.SetupToken(a.ID))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text := answerTo(t, client, http.MethodPost, string(claim), ""); status != http.StatusOK || text != a.AccessURL {
		t.Errorf("claim: %d %s", status, text)
	}
	if status, _, _ := answerTo(t, client, http.MethodPost, string(claim), ""); status != http.StatusForbidden {
		t.Errorf("second claim: status %d", status)
	}
	if status, _ := simpleFIN(t, client, b.URL(SimpleFIN), ""); status != http.StatusForbidden {
		t.Errorf("without credentials: status %d", status)
	}
	if status, _, text := answerTo(t, client, http.MethodGet, b.URL(SimpleFIN)+"/info", ""); status != http.StatusOK || !strings.Contains(text, `"2.0"`) {
		t.Errorf("info: %d %s", status, text)
	}
}

func TestSimpleFINAsksForANewLogin(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 11, Faults: Faults{PasswordExpires: 1, ExpiresAfter: 2}})
	client, a := b.client(t), b.Accounts()[0]
	for range 2 {
		if _, answer := simpleFIN(t, client, a.AccessURL, "version=2"); len(answer.ErrorList) != 0 {
			t.Fatalf("errors too early: %v", answer.ErrorList)
		}
	}
	_, answer := simpleFIN(t, client, a.AccessURL, "version=2")
	if len(answer.ErrorList) != 1 || answer.ErrorList[0].Code != "con.auth" || len(answer.Accounts) != 0 {
		t.Errorf("after the password was changed: %+v", answer)
	}
	b.Renew(a.ID)
	if _, answer := simpleFIN(t, client, a.AccessURL, "version=2"); len(answer.ErrorList) != 0 || len(answer.Accounts) != 1 {
		t.Errorf("renewed: %+v", answer)
	}
}
