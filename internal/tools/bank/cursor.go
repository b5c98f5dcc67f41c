// The cursor API, shaped like Plaid's /accounts/get and /transactions/sync.

package bank

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

type cursorRequest struct {
	ClientID    string  `json:"client_id"`
	Secret      string  `json:"secret"`
	AccessToken string  `json:"access_token"`
	Cursor      *string `json:"cursor"`
	Count       *int    `json:"count"`
	Options     struct {
		AccountID  string   `json:"account_id"`
		AccountIDs []string `json:"account_ids"`
	} `json:"options"`
}

// position is what a cursor means: how far the log of each account was read. In the middle of pages it also says how long each log was when the
// first page was read.
type position struct {
	Account string `json:"a,omitempty"`
	Read    []int  `json:"r"`
	Ends    []int  `json:"e,omitempty"`
}

func (p position) String() string {
	text, _ := json.Marshal(p) // numbers and a string
	return base64.RawURLEncoding.EncodeToString(text)
}

const (
	usualCount = 100
	maxCount   = 500
)

func (b *Bank) answerCursor(c *call) response {
	var q cursorRequest
	if c.Method != http.MethodPost || json.NewDecoder(bytes.NewReader(c.body)).Decode(&q) != nil {
		return cursorError(http.StatusBadRequest, "INVALID_REQUEST", "INVALID_BODY", "body could not be parsed as JSON")
	}
	u := b.byToken[q.AccessToken]
	switch {
	case q.ClientID != b.clientID() || q.Secret != b.secret():
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		return cursorError(http.StatusBadRequest, "INVALID_INPUT", "INVALID_API_KEYS", "invalid client_id or secret provided")
	case u == nil:
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		return cursorError(http.StatusBadRequest, "INVALID_INPUT", "INVALID_ACCESS_TOKEN", "could not find matching access token")
	case c.plan.expire:
		b.counts.fault("expire")
		return cursorError(http.StatusBadRequest, "INSTITUTION_ERROR", "INSTITUTION_NOT_RESPONDING", "this institution is not currently responding to this request")
	case c.plan.general:
		b.counts.fault("general")
		return cursorError(http.StatusInternalServerError, "API_ERROR", "INTERNAL_SERVER_ERROR", "an unexpected error occurred")
	case u.logInByToken() != accepted:
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		return cursorError(http.StatusBadRequest, "ITEM_ERROR", "ITEM_LOGIN_REQUIRED",
			"the login details of this item have changed (credentials, MFA, or required user action) and a user login is required to update this information")
	}
	b.counts.count(func(r *Report) { r.Logins++ })
	switch c.path {
	case "accounts/get":
		return b.cursorAccounts(u, q)
	case "transactions/sync":
		return b.sync(c, u, q)
	}
	return cursorError(http.StatusNotFound, "INVALID_REQUEST", "UNKNOWN_ENDPOINT", "the requested endpoint does not exist")
}

func cursorError(status int, kind, code, message string) response {
	return jsonResponse(status, map[string]any{
		"error_type": kind, "error_code": code, "error_message": message, "display_message": nil, "request_id": idText(label(code))[:15],
	})
}

func (b *Bank) cursorAccounts(u *user, q cursorRequest) response {
	wanted := map[string]bool{}
	for _, id := range q.Options.AccountIDs {
		wanted[id] = true
	}
	list := []cursorAccount{}
	for _, a := range u.accounts {
		if id := a.currentID(); len(wanted) == 0 || wanted[id] {
			delete(wanted, id)
			b.act(a, func(l *Ledger) { list = append(list, a.cursorAccount(l)) })
		}
	}
	if len(wanted) > 0 {
		return unknownCursorAccount()
	}
	return jsonResponse(http.StatusOK, map[string]any{
		"accounts": list, "item": map[string]string{"item_id": "item-" + u.name}, "request_id": u.name,
	})
}

func unknownCursorAccount() response {
	return cursorError(http.StatusBadRequest, "INVALID_INPUT", "INVALID_ACCOUNT_ID", "failed to find requested account ID for requested item")
}

// selection is the accounts of a request and how far their logs are read.
type selection struct {
	accounts []*account
	at       position
}

// sync answers a page. Pages go through the logs of the accounts, one after another.
func (b *Bank) sync(c *call, u *user, q cursorRequest) response {
	count := usualCount
	if q.Count != nil {
		count = *q.Count
	}
	if count < 1 || count > maxCount {
		return cursorError(http.StatusBadRequest, "INVALID_REQUEST", "INVALID_FIELD", "count must be between 1 and 500")
	}
	s, failed := u.selected(q)
	if failed != nil {
		return *failed
	}
	continued := s.at.Ends != nil
	for _, a := range s.accounts {
		id := a.currentID()
		b.counts.count(func(r *Report) { r.ByAccount[id]++ })
		b.reissue(c, a)
		if continued && c.plan.pagesChange {
			b.counts.fault("pages change")
			b.act(a, (*Ledger).touch)
		}
	}
	page := cursorPage{
		Accounts: []cursorAccount{}, Added: []cursorTransaction{}, Modified: []cursorTransaction{}, Removed: []cursorRemoved{},
		Status: "HISTORICAL_UPDATE_COMPLETE", Request: u.name,
	}
	if !b.readLogs(&s, &page, count, continued) {
		return cursorError(http.StatusBadRequest, "TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",
			"Underlying transaction data changed since last page was fetched. Please restart pagination from last update.")
	}
	if !page.HasMore {
		s.at.Ends = nil
	}
	page.Next = s.at.String()
	return jsonResponse(http.StatusOK, page)
}

// readLogs fills a page, and reports false if the logs have changed since the first page.
func (b *Bank) readLogs(s *selection, page *cursorPage, count int, continued bool) bool {
	unchanged := true
	if !continued {
		s.at.Ends = make([]int, len(s.accounts))
	}
	for i, a := range s.accounts {
		b.act(a, func(l *Ledger) {
			if s.at.Read[i] < 0 || s.at.Read[i] > len(l.log) {
				s.at.Read[i] = l.base
			}
			if !continued {
				s.at.Ends[i] = len(l.log)
			}
			unchanged = unchanged && s.at.Ends[i] == len(l.log)
			to := min(len(l.log), s.at.Read[i]+count)
			count -= to - s.at.Read[i]
			for _, entry := range l.log[s.at.Read[i]:to] {
				page.add(a, l, entry)
			}
			s.at.Read[i] = to
			page.HasMore = page.HasMore || to < len(l.log)
			page.Accounts = append(page.Accounts, a.cursorAccount(l))
		})
	}
	return unchanged
}

// selected reads the cursor. A new one begins at the base of each account's log.
func (u *user) selected(q cursorRequest) (selection, *response) {
	s := selection{at: position{Account: q.Options.AccountID}}
	for _, a := range u.accounts {
		if q.Options.AccountID == "" || q.Options.AccountID == a.currentID() {
			s.accounts, s.at.Read = append(s.accounts, a), append(s.at.Read, -1)
		}
	}
	if len(s.accounts) == 0 {
		r := unknownCursorAccount()
		return s, &r
	}
	if q.Cursor == nil || *q.Cursor == "" {
		return s, nil
	}
	given, err := readPosition(*q.Cursor)
	if err != nil || len(given.Read) != len(s.accounts) || given.Ends != nil && len(given.Ends) != len(s.accounts) {
		r := cursorError(http.StatusBadRequest, "INVALID_INPUT", "INVALID_CURSOR", "cursor is not valid for this item")
		return s, &r
	}
	given.Account = s.at.Account
	s.at = given
	return s, nil
}

func readPosition(cursor string) (p position, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return p, fmt.Errorf("read cursor: %w", err)
	}
	err = json.Unmarshal(text, &p)
	return p, err
}
