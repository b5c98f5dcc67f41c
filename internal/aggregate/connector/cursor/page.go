// The pages of the API, and what they are together.

package cursor

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/connector/web"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/failure"
)

type page struct {
	Accounts []account     `json:"accounts"`
	Added    []transaction `json:"added"`
	Modified []transaction `json:"modified"`
	Removed  []removed     `json:"removed"`
	Next     string        `json:"next_cursor"`
	HasMore  bool          `json:"has_more"`
	Status   string        `json:"transactions_update_status"`
}

type account struct {
	ID           string `json:"account_id"`
	Name         string `json:"name"`
	OfficialName string `json:"official_name"`
	Type         string `json:"type"`
	Subtype      string `json:"subtype"`
	Balances     struct {
		Current   web.Number `json:"current"`
		Available web.Number `json:"available"`
		Currency  string     `json:"iso_currency_code"`
		Other     string     `json:"unofficial_currency_code"`
		Updated   string     `json:"last_updated_datetime"`
	} `json:"balances"`
}

type transaction struct {
	ID         string     `json:"transaction_id"`
	Account    string     `json:"account_id"`
	Amount     web.Number `json:"amount"`
	Currency   string     `json:"iso_currency_code"`
	Other      string     `json:"unofficial_currency_code"`
	Date       string     `json:"date"`
	Authorized string     `json:"authorized_date"`
	Name       string     `json:"name"`
	Merchant   string     `json:"merchant_name"`
	Pending    bool       `json:"pending"`
	PendingID  string     `json:"pending_transaction_id"`
}

type removed struct {
	ID      string `json:"transaction_id"`
	Account string `json:"account_id"`
}

// collector joins the pages of one fetch: the newest state of each transaction counts.
type collector struct {
	request *connector.Request
	result  connector.Changes
	at      map[string]int // of a transaction in states
	states  []state
}

// state is what became of a transaction. The order of the first mention is kept.
type state struct {
	removed bool
	connector.Transaction
}

func newCollector(r *connector.Request) *collector {
	return &collector{request: r, result: connector.Changes{Account: r.Account}, at: map[string]int{}}
}

func (c *collector) count() int { return len(c.states) }

// add adds the next page.
func (c *collector) add(p *page) error {
	if p.Status == "NOT_READY" || p.Next == "" && !p.HasMore {
		return failure.Wrap(failure.Transient, errors.New("the institution is still collecting the transactions of the account"))
	}
	if err := c.addAccount(p); err != nil {
		return err
	}
	c.result.Cursor = p.Next
	if p.Status == "INITIAL_UPDATE_COMPLETE" {
		c.result.Partial = true
		c.result.Warn("The institution is still collecting the older transactions of the account.")
	}
	for _, list := range [][]transaction{p.Added, p.Modified} {
		for i := range list {
			if err := c.addTransaction(&list[i]); err != nil {
				return err
			}
		}
	}
	for _, r := range p.Removed {
		if r.Account == "" || r.Account == c.request.Account {
			c.set(state{removed: true, Transaction: connector.Transaction{ID: r.ID}})
		}
	}
	if len(c.states) > connector.MaxChanges {
		return fmt.Errorf("more than %d transactions have changed", connector.MaxChanges)
	}
	return nil
}

// addAccount stores the balances of the page, which replace those of the page before.
func (c *collector) addAccount(p *page) error {
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if a.ID != c.request.Account {
			continue
		}
		if a.Balances.Currency == "" {
			return fmt.Errorf("account %s: its currency %q is not one of ISO 4217; leave the account out", a.ID, connector.Clean(a.Balances.Other, 20))
		}
		c.result.Currency = strings.ToUpper(a.Balances.Currency)
		return c.addBalances(a)
	}
	return &connector.UnknownAccountError{Account: c.request.Account}
}

func (c *collector) addBalances(a *account) error {
	c.result.Balances = nil
	for _, b := range []struct {
		kind   string
		number web.Number
	}{{connector.Booked, a.Balances.Current}, {connector.Available, a.Balances.Available}} {
		if b.number == "" {
			continue
		}
		amount, ok := b.number.Amount()
		if !ok {
			return fmt.Errorf("account %s: the %s balance %q is not an amount", a.ID, b.kind, string(b.number))
		}
		if b.kind == connector.Booked && (a.Type == "credit" || a.Type == "loan") {
			amount = statement.Negate(amount) // it states what is owed
		}
		at := cmp.Or(a.Balances.Updated, c.request.Today.Format(time.DateOnly))
		c.result.Balances = append(c.result.Balances, connector.Balance{Kind: b.kind, Amount: amount, At: at})
	}
	return nil
}

// addTransaction adds a transaction. The API's positive amounts leave the account.
func (c *collector) addTransaction(t *transaction) error {
	if t.Account != "" && t.Account != c.request.Account {
		return nil
	}
	amount, ok := t.Amount.Amount()
	currency := strings.ToUpper(t.Currency)
	switch {
	case t.ID == "":
		return fmt.Errorf("a transaction of %s has no transaction_id", string(t.Amount))
	case !ok:
		return fmt.Errorf("transaction %s: %q is not an amount", t.ID, string(t.Amount))
	case !statement.IsDay(t.Date):
		return fmt.Errorf("transaction %s: date %q is not a day", t.ID, t.Date)
	case t.Authorized != "" && !statement.IsDay(t.Authorized):
		return fmt.Errorf("transaction %s: authorized_date %q is not a day", t.ID, t.Authorized)
	case currency == "" && t.Other != "":
		return fmt.Errorf("transaction %s: its currency %q is not one of ISO 4217", t.ID, t.Other)
	case currency == c.result.Currency:
		currency = ""
	}
	d := connector.Transaction{
		ID: t.ID, Pending: t.Pending, Replaces: t.PendingID, Amount: statement.Negate(amount), Currency: currency,
		Booked: t.Date, Made: t.Authorized, Party: t.Merchant, Text: t.Name,
	}
	if t.Pending {
		d.Booked, d.Made = "", cmp.Or(t.Authorized, t.Date)
	}
	c.set(state{Transaction: d})
	return nil
}

func (c *collector) set(s state) {
	at, known := c.at[s.ID]
	if !known {
		c.at[s.ID] = len(c.states)
		c.states = append(c.states, s)
		return
	}
	c.states[at] = s
}

// changes returns what was collected.
func (c *collector) changes() *connector.Changes {
	for i := range c.states {
		if s := &c.states[i]; s.removed {
			c.result.Removed = append(c.result.Removed, s.ID)
		} else {
			c.result.Transactions = append(c.result.Transactions, s.Transaction)
		}
	}
	return &c.result
}
