// SimpleFIN, versions 1 and 2: https://www.simplefin.org/protocol.html.

package bank

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// simpleFINDays is the longest interval that one request may ask for.
const simpleFINDays = 90

// sfAccountSet is an answer. The older version has the errors for people only.
type sfAccountSet struct {
	errors      []sfError
	connections []sfConnection
	accounts    []*sfAccount
}

func (s *sfAccountSet) add(e sfError) { s.errors = append(s.errors, e) }

func (s *sfAccountSet) response(version string) response {
	if version == "2" {
		return jsonResponse(http.StatusOK, map[string]any{"errlist": s.errors, "connections": s.connections, "accounts": s.accounts})
	}
	messages := make([]string, len(s.errors))
	for i, e := range s.errors {
		messages[i] = e.Message
	}
	return jsonResponse(http.StatusOK, map[string]any{"errors": messages, "accounts": s.accounts})
}

type sfError struct {
	Code       string `json:"code"`
	Message    string `json:"msg"`
	Connection string `json:"conn_id,omitempty"`
	Account    string `json:"account_id,omitempty"`
}

type sfConnection struct {
	ID      string `json:"conn_id"`
	Name    string `json:"name"`
	OrgID   string `json:"org_id"`
	OrgName string `json:"org_name"`
	OrgURL  string `json:"org_url"`
	Root    string `json:"sfin_url"`
}

type sfOrganization struct {
	Domain string `json:"domain"`
	Name   string `json:"name"`
	Root   string `json:"sfin-url"`
	URL    string `json:"url"`
	ID     string `json:"id"`
}

type sfAccount struct {
	Organization *sfOrganization   `json:"org,omitempty"`
	Connection   string            `json:"conn_id,omitempty"`
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Currency     string            `json:"currency"`
	Balance      string            `json:"balance"`
	Available    string            `json:"available-balance"`
	BalanceDate  int64             `json:"balance-date"`
	Transactions []sfTransaction   `json:"transactions"`
	Extra        map[string]string `json:"extra,omitempty"`
}

type sfTransaction struct {
	ID          string `json:"id"`
	Posted      int64  `json:"posted"`
	Amount      string `json:"amount"`
	Description string `json:"description"`
	Payee       string `json:"payee"`
	Memo        string `json:"memo"`
	Made        int64  `json:"transacted_at"`
	Pending     bool   `json:"pending,omitempty"`
}

func (b *Bank) answerSimpleFIN(c *call) response {
	token, claim := strings.CutPrefix(c.path, "claim/")
	switch {
	case c.path == "info" && c.Method == http.MethodGet:
		return jsonResponse(http.StatusOK, map[string][]string{"versions": {"1.0", "2.0"}})
	case claim && c.Method == http.MethodPost:
		return b.claim(token)
	case c.path != "accounts" || c.Method != http.MethodGet:
		return plain(http.StatusNotFound, "there is no such resource")
	}
	name, password, _ := c.BasicAuth()
	u := b.byName[name]
	if u == nil || password != u.accessPassword() {
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		return plain(http.StatusForbidden, "access was revoked or the credentials are wrong")
	}
	b.counts.count(func(r *Report) { r.Logins++ })
	if c.plan.expire {
		b.counts.fault("expire")
		return plain(http.StatusBadGateway, "the connection to the institution was lost")
	}
	return b.accountSet(c, u)
}

func (b *Bank) claim(token string) response {
	claimed, ok := b.claims.LoadAndDelete(token)
	u, is := claimed.(*user)
	if !ok || !is {
		return plain(http.StatusForbidden, "the token was claimed before, or there is none")
	}
	return response{status: http.StatusOK, contentType: "text/plain; charset=utf-8", body: []byte(b.accessURL(u))}
}

// sfQuery is what a request asks for.
type sfQuery struct {
	from, to     time.Time // without to
	version      string
	accounts     []string
	pending      bool
	balancesOnly bool
}

func (b *Bank) readQuery(c *call) (sfQuery, bool) {
	values := c.URL.Query()
	q := sfQuery{
		to: b.now().Add(time.Second), version: values.Get("version"), accounts: values["account"],
		pending: values.Get("pending") == "1", balancesOnly: values.Get("balances-only") == "1",
	}
	for name, at := range map[string]*time.Time{"end-date": &q.to, "start-date": &q.from} {
		if text := values.Get(name); text != "" {
			seconds, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return q, false
			}
			*at = time.Unix(seconds, 0)
		}
	}
	return q, true
}

func (b *Bank) accountSet(c *call, u *user) response {
	q, ok := b.readQuery(c)
	if !ok {
		return plain(http.StatusBadRequest, "start-date and end-date are seconds since 1970")
	}
	connection := sfConnection{"CON-" + u.name, "Bank of Seeds - " + u.name, "seeds", "Bank of Seeds", "https://bank.example", b.URL(SimpleFIN)}
	set := &sfAccountSet{errors: []sfError{}, connections: []sfConnection{connection}, accounts: []*sfAccount{}}
	if q.from.Before(q.to.AddDate(0, 0, -simpleFINDays)) {
		if !q.from.IsZero() {
			set.add(sfError{Code: "gen.api", Message: "Requested date range exceeds the limit of 90 days. Capped."})
		}
		q.from = q.to.AddDate(0, 0, -simpleFINDays)
	}
	if u.logInByToken() != accepted {
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		set.add(sfError{"con.auth", "You must reauthenticate.", connection.ID, ""})
		return set.response(q.version)
	}
	for _, a := range u.accounts {
		id := a.currentID()
		if len(q.accounts) > 0 && !slices.Contains(q.accounts, id) {
			continue
		}
		b.counts.count(func(r *Report) { r.ByAccount[id]++ })
		b.reissue(c, a)
		shown := b.sfAccount(a, q)
		if c.plan.general && !q.balancesOnly {
			b.counts.fault("general")
			set.add(sfError{"act.missingdata", "Connection to Bank of Seeds may need attention", connection.ID, id})
			shown.Transactions = []sfTransaction{}
		}
		if q.version == "2" {
			shown.Connection = connection.ID
		} else {
			shown.Organization = &sfOrganization{"bank.example", connection.OrgName, connection.Root, connection.OrgURL, connection.OrgID}
		}
		set.accounts = append(set.accounts, shown)
	}
	return set.response(q.version)
}

func (b *Bank) sfAccount(a *account, q sfQuery) *sfAccount {
	now := b.now()
	shown := &sfAccount{ID: a.currentID(), Name: a.name(), Currency: a.currency, BalanceDate: now.Unix(), Transactions: []sfTransaction{}}
	b.act(a, func(l *Ledger) {
		booked, available := l.stated()
		shown.Balance, shown.Available = amount(booked), amount(available)
		if l.card {
			shown.Extra = map[string]string{"payment-due": amount(l.due)}
		}
		if q.balancesOnly {
			return
		}
		for _, r := range l.between(q.from, q.to) {
			shown.add(l, r)
		}
		if q.pending && q.to.After(now.Truncate(day)) {
			for _, r := range l.pending {
				shown.add(l, r)
			}
		}
	})
	return shown
}

func (a *sfAccount) add(l *Ledger, of *record) {
	for _, r := range l.shown(of) {
		t := sfTransaction{
			ID: r.idText(), Amount: amount(r.cents), Description: r.party() + " " + r.purpose(), Payee: r.party(), Memo: r.purpose(),
			Made: tickTime(r.made).Unix(), Pending: r.pending(),
		}
		if !r.pending() {
			t.Posted = tickTime(r.booked).Unix()
		}
		a.Transactions = append(a.Transactions, t)
	}
}

func (b *Bank) reissue(c *call, a *account) {
	if c.plan.reissue {
		b.counts.fault("reissue")
		b.act(a, (*Ledger).Relink)
	}
}

func jsonResponse(status int, value any) response {
	body, err := json.Marshal(value)
	if err != nil {
		return plain(http.StatusInternalServerError, err.Error())
	}
	return response{status: status, contentType: "application/json", body: body}
}
