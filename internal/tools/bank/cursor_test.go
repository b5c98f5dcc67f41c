// Tests of the cursor API: pages and updates lead to the truth, whatever changes between and while they are read.

package bank

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
)

// syncAnswer is a page, or an error.
type syncAnswer struct {
	cursorPage
	ErrorCode string `json:"error_code"`
}

func (b *Bank) callCursor(t testing.TB, client *http.Client, a Account, path string, fields map[string]any) (int, string) {
	t.Helper()
	body := map[string]any{"client_id": a.ClientID, "secret": a.Secret, "access_token": a.AccessToken}
	maps.Copy(body, fields)
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, _, answer := answerTo(t, client, http.MethodPost, b.URL(Cursor)+path, string(text))
	return status, answer
}

func (b *Bank) syncPage(t testing.TB, client *http.Client, a Account, cursor string, count int) syncAnswer {
	t.Helper()
	status, text := b.callCursor(t, client, a, "/transactions/sync",
		map[string]any{"cursor": cursor, "count": count, "options": map[string]string{"account_id": a.ID}})
	var answer syncAnswer
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status == http.StatusOK != (answer.ErrorCode == "") {
		t.Fatalf("status %d: %v: %s", status, err, text)
	}
	return answer
}

// cursorClient is what a client knows of an account.
type cursorClient struct {
	cursor   string
	known    map[string]cursorTransaction
	restarts int
	current  json.Number
}

// sync reads all pages, and begins again if the data changed meanwhile.
func (k *cursorClient) sync(t testing.TB, b *Bank, client *http.Client, a Account, count int) {
	t.Helper()
	for {
		next, known, complete := k.cursor, maps.Clone(k.known), false
		if known == nil {
			known = map[string]cursorTransaction{}
		}
		for !complete {
			page := b.syncPage(t, client, a, next, count)
			if page.ErrorCode == "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION" {
				k.restarts++
				break
			}
			if page.ErrorCode != "" {
				t.Fatalf("error %s", page.ErrorCode)
			}
			for _, x := range slices.Concat(page.Added, page.Modified) {
				known[x.ID] = x
			}
			for _, x := range page.Removed {
				delete(known, x.ID)
			}
			next, complete, k.current = page.Next, !page.HasMore, page.Accounts[0].Balances.Current
		}
		if complete {
			k.cursor, k.known = next, known
			return
		}
	}
}

func (k *cursorClient) entries() (posted, pending []string) {
	for id, x := range k.known {
		entry := fmt.Sprintf("%s %s %s", x.Date, x.Amount, id)
		if x.Pending {
			pending = append(pending, entry)
		} else {
			posted = append(posted, entry)
		}
	}
	slices.Sort(posted)
	slices.Sort(pending)
	return posted, pending
}

// outgoing are entries with the API's sign and numbers.
func outgoing(entries []Entry) (list []string) {
	for _, e := range entries {
		list = append(list, fmt.Sprintf("%s %s %s", e.Day, number(-e.Cents), e.ID))
	}
	slices.Sort(list)
	return list
}

func (k *cursorClient) check(t testing.TB, b *Bank, a Account) {
	t.Helper()
	truth := b.Truth(a.ID)
	posted, pending := k.entries()
	equal(t, a.ID, posted, outgoing(truth.Posted))
	equal(t, a.ID+" pending", pending, outgoing(truth.Pending))
	want := truth.Booked
	if a.Type == card {
		want = -want
	}
	if k.current != number(want) {
		t.Errorf("account %s: current %s, want %s", a.ID, k.current, number(want))
	}
}

func TestCursorFollowsTheTruth(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 12, Accounts: 8, PerUser: 2, Activity: Activity{Correct: 0.1}})
	client, accounts := b.client(t), b.Accounts()
	clients := make([]cursorClient, len(accounts))
	replaced := 0
	for step := range 5 {
		for i, a := range accounts {
			clients[i].sync(t, b, client, a, 7)
			clients[i].check(t, b, a)
			for _, x := range clients[i].known {
				if x.Replaces != nil {
					replaced++
				}
			}
		}
		b.Advance(3 * day)
		if step == 2 {
			b.Relink(accounts[0].ID)
		}
	}
	var anew cursorClient
	anew.sync(t, b, client, accounts[0], 500)
	anew.check(t, b, accounts[0])
	if replaced == 0 {
		t.Error("no transaction says which pending one it posts")
	}
}

func TestCursorOfAllAccounts(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 13, Accounts: 3, PerUser: 3})
	client, all := b.client(t), b.Accounts()[0]
	all.ID = ""
	next, found := "", map[string]int{}
	for {
		page := b.syncPage(t, client, all, next, 50)
		if len(page.Added) > 50 || len(page.Accounts) != 3 {
			t.Fatalf("page of %d transactions, %d accounts", len(page.Added), len(page.Accounts))
		}
		for _, x := range page.Added {
			found[x.Account]++
		}
		if next = page.Next; !page.HasMore {
			break
		}
	}
	for _, a := range b.Accounts() {
		if truth := b.Truth(a.ID); found[a.ID] != len(truth.Posted)+len(truth.Pending) {
			t.Errorf("account %s: %d transactions of %d", a.ID, found[a.ID], len(truth.Posted)+len(truth.Pending))
		}
	}
	status, text := b.callCursor(t, client, b.Accounts()[0], "/accounts/get", nil)
	var list struct {
		Accounts []cursorAccount `json:"accounts"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != http.StatusOK || len(list.Accounts) != 3 {
		t.Errorf("accounts: %d, %v: %s", status, err, text)
	}
}

func TestCursorPagesChange(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 14, Accounts: 4, Faults: Faults{PagesChange: 0.1}})
	client, restarts := b.client(t), 0
	for _, a := range b.Accounts() {
		var k cursorClient
		k.sync(t, b, client, a, 10)
		k.check(t, b, a)
		restarts += k.restarts
	}
	if restarts == 0 || int64(restarts) != b.Report().Faults["pages change"] {
		t.Errorf("%d restarts, %d changes", restarts, b.Report().Faults["pages change"])
	}
	a := b.Accounts()[0]
	first := b.syncPage(t, client, a, "", 10)
	b.Act(a.ID, func(l *Ledger) { l.Book(-100) })
	if page := b.syncPage(t, client, a, first.Next, 10); page.ErrorCode != "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION" {
		t.Errorf("error %q after a booking between pages", page.ErrorCode)
	}
}

func TestCursorErrors(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 15, Accounts: 2, Faults: Faults{PasswordExpires: 1, ExpiresAfter: 4}})
	client, a := b.client(t), b.Accounts()[0]
	wantError := func(change map[string]any, status int, code string) {
		t.Helper()
		gotStatus, text := b.callCursor(t, client, a, "/transactions/sync", change)
		var answer syncAnswer
		if err := json.Unmarshal([]byte(text), &answer); err != nil || gotStatus != status || answer.ErrorCode != code {
			t.Errorf("%v: status %d, error %q, want %d and %s (%v)", change, gotStatus, answer.ErrorCode, status, code, err)
		}
	}
	wantError(map[string]any{"secret": "x"}, http.StatusBadRequest, "INVALID_API_KEYS")
	wantError(map[string]any{"access_token": "x"}, http.StatusBadRequest, "INVALID_ACCESS_TOKEN")
	wantError(map[string]any{"count": 501}, http.StatusBadRequest, "INVALID_FIELD")
	wantError(map[string]any{"cursor": "x"}, http.StatusBadRequest, "INVALID_CURSOR")
	wantError(map[string]any{"options": map[string]string{"account_id": b.Accounts()[1].ID}}, http.StatusBadRequest, "INVALID_ACCOUNT_ID")
	wantError(nil, http.StatusOK, "")
	wantError(nil, http.StatusBadRequest, "ITEM_LOGIN_REQUIRED")
	b.Renew(a.ID)
	wantError(nil, http.StatusOK, "")
}
