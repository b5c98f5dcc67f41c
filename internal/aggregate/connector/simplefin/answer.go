// The answers of the protocol: sets of accounts, with the errors of both versions.

package simplefin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
)

// accountSet is the answer to a request for accounts. Version 1 has Errors, version 2 Errlist; during the migration servers send both.
type accountSet struct {
	Errors      []string       `json:"errors"`
	Errlist     []codedError   `json:"errlist"`
	Connections []organisation `json:"connections"`
	Accounts    []account      `json:"accounts"`

	answer *web.Answer
}

type codedError struct {
	Code       string `json:"code"`
	Msg        string `json:"msg"`
	Message    string `json:"message"` // as drafts of version 2 name it
	Connection string `json:"conn_id"`
	Account    string `json:"account_id"`
}

type organisation struct {
	ID     string `json:"conn_id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

type account struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	Connection   string        `json:"conn_id"`
	Org          organisation  `json:"org"`
	Currency     string        `json:"currency"`
	Balance      web.Number    `json:"balance"`
	Available    web.Number    `json:"available-balance"`
	BalanceDate  web.Number    `json:"balance-date"`
	Transactions []transaction `json:"transactions"`

	Extra json.RawMessage `json:"extra"` // of any form
}

type transaction struct {
	ID          string     `json:"id"`
	Posted      web.Number `json:"posted"`
	Transacted  web.Number `json:"transacted_at"`
	Amount      web.Number `json:"amount"`
	Description string     `json:"description"`
	Payee       string     `json:"payee"`
	Memo        string     `json:"memo"`
	Pending     bool       `json:"pending"`
}

// authFailure is how servers of version 1 say that the person must act.
var authFailure = regexp.MustCompile(`(?i)re-?authenticat|auth(entication)? (is )?(required|failed)|log ?in failed|credentials|needs? attention`)

// list returns the errors of either version.
func (s *accountSet) list() []codedError {
	if s.Errlist != nil {
		return s.Errlist
	}
	var list []codedError
	for _, message := range s.Errors {
		e := codedError{Code: "gen.", Msg: message}
		if authFailure.MatchString(message) {
			e.Code = "gen.auth"
		}
		list = append(list, e)
	}
	return list
}

// concerns reports whether an error is about an account. One of version 1 that names another institution of this set is not.
func (s *accountSet) concerns(e *codedError, a *account) bool {
	switch {
	case e.Account != "":
		return e.Account == a.ID
	case e.Connection != "":
		return a.Connection == "" || e.Connection == a.Connection
	case s.Errlist != nil || a.Org.Name == "" || strings.Contains(e.Msg, a.Org.Name):
		return true
	}
	for i := range s.Accounts {
		if other := s.Accounts[i].Org.Name; other != "" && strings.Contains(e.Msg, other) {
			return false
		}
	}
	return !strings.HasPrefix(e.Msg, "Connection to ")
}

// errorFor returns the error of what a set says about an account that it does not contain, or nil if it says nothing.
func (s *accountSet) errorFor(a *account) error {
	if err := s.authErrorFor(a); err != nil {
		return err
	}
	list := s.list()
	for i := range list {
		if e := &list[i]; s.concerns(e, a) && e.Code != "gen.api" {
			return s.answer.CutOff("it has no data of the account: %s", e.text())
		}
	}
	return nil
}

// authErrorFor returns a *connector.CredentialsError if the set says that a person must log in for an account.
func (s *accountSet) authErrorFor(a *account) error {
	list := s.list()
	for i := range list {
		if e := &list[i]; (e.Code == "gen.auth" || e.Code == "con.auth") && s.concerns(e, a) {
			return &connector.CredentialsError{Reason: s.answer.Hide(e.text())}
		}
	}
	return nil
}

// warn adds the errors about an account to its changes, and reports whether there is one.
func (s *accountSet) warn(c *connector.Changes, a *account) (partial bool) {
	list := s.list()
	for i := range list {
		if e := &list[i]; s.concerns(e, a) {
			c.Warn(s.answer.Hide(e.text()))
			partial = true
		}
	}
	return partial
}

const maxReason = 200

func (e *codedError) text() string {
	text := e.Msg + e.Message
	if text == "" {
		text = e.Code
	}
	return connector.Clean(text, maxReason)
}

// changes returns the transactions and balances of an account.
func (a *account) changes() (*connector.Changes, error) {
	if strings.Contains(a.Currency, "/") {
		return nil, fmt.Errorf("its currency %s is not one of ISO 4217, so that its amounts are not money; leave the account out",
			connector.Clean(a.Currency, maxReason))
	}
	if len(a.Transactions) > connector.MaxChanges {
		return nil, fmt.Errorf("more than %d transactions; set fewer days", connector.MaxChanges)
	}
	c := &connector.Changes{Account: a.ID, Currency: strings.ToUpper(a.Currency)}
	at, ok := seconds(a.BalanceDate)
	if !ok {
		return nil, fmt.Errorf("balance-date %q is not a time", string(a.BalanceDate))
	}
	for _, b := range []struct {
		kind   string
		number web.Number
	}{{connector.Booked, a.Balance}, {connector.Available, a.Available}} {
		if b.number == "" && b.kind == connector.Available {
			continue
		}
		amount, ok := b.number.Amount()
		if !ok {
			return nil, fmt.Errorf("the %s balance %q is not an amount", b.kind, string(b.number))
		}
		c.Balances = append(c.Balances, connector.Balance{Kind: b.kind, Amount: amount, At: at.Format(time.RFC3339)})
	}
	if due, ok := a.due(); ok {
		c.Balances = append(c.Balances, connector.Balance{Kind: connector.Due, Amount: due, At: at.Format(time.RFC3339)})
	}
	for i := range a.Transactions {
		t, err := a.Transactions[i].delivered()
		if err != nil {
			return nil, err
		}
		c.Transactions = append(c.Transactions, t)
	}
	return c, nil
}

// due returns what is to be paid for a card, or false if the institution states nothing that can be read: the protocol leaves open what extra has.
func (a *account) due() (amount string, ok bool) {
	var extra struct {
		Due web.Number `json:"payment-due"`
	}
	if json.Unmarshal(a.Extra, &extra) != nil {
		return "", false
	}
	return extra.Due.Amount()
}

func (t *transaction) delivered() (connector.Transaction, error) {
	amount, ok := t.Amount.Amount()
	posted, dated := seconds(t.Posted)
	switch {
	case t.ID == "":
		return connector.Transaction{}, fmt.Errorf("a transaction of %s has no id", string(t.Amount))
	case !ok:
		return connector.Transaction{}, fmt.Errorf("transaction %s: %q is not an amount", t.ID, string(t.Amount))
	case !dated && !t.Pending:
		return connector.Transaction{}, fmt.Errorf("transaction %s: posted %q is not a time", t.ID, string(t.Posted))
	}
	text := t.Description
	if t.Memo != "" && t.Memo != t.Description {
		text = strings.TrimSpace(text + " " + t.Memo)
	}
	d := connector.Transaction{ID: t.ID, Pending: t.Pending, Amount: amount, Party: t.Payee, Text: text}
	if !t.Pending {
		d.Booked = posted.Format(time.DateOnly)
	}
	if made, ok := seconds(t.Transacted); ok {
		d.Made = made.Format(time.DateOnly)
	} else if t.Pending && dated {
		d.Made = posted.Format(time.DateOnly)
	}
	return d, nil
}

// seconds returns a time of the protocol, or false if it is missing: some servers write 0 for that.
func seconds(n web.Number) (at time.Time, ok bool) {
	const lastYear = 9999
	whole, _, _ := strings.Cut(string(n), ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	at = time.Unix(s, 0).UTC()
	return at, err == nil && s > 0 && at.Year() <= lastYear
}
