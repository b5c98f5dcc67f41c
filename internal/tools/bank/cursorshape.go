// The accounts, transactions and pages of the cursor API.

package bank

import (
	"encoding/json"
	"strings"
)

type cursorAccount struct {
	ID       string         `json:"account_id"`
	Name     string         `json:"name"`
	Mask     string         `json:"mask"`
	Type     string         `json:"type"`
	Subtype  string         `json:"subtype"`
	Balances cursorBalances `json:"balances"`
}

type cursorBalances struct {
	Available json.Number  `json:"available"`
	Current   json.Number  `json:"current"`
	Limit     *json.Number `json:"limit"`
	Currency  string       `json:"iso_currency_code"`
}

type cursorTransaction struct {
	ID         string      `json:"transaction_id"`
	Account    string      `json:"account_id"`
	Amount     json.Number `json:"amount"`
	Currency   string      `json:"iso_currency_code"`
	Date       string      `json:"date"`
	Authorized string      `json:"authorized_date"`
	Name       string      `json:"name"`
	Merchant   string      `json:"merchant_name"`
	Pending    bool        `json:"pending"`
	Replaces   *string     `json:"pending_transaction_id"`
}

type cursorRemoved struct {
	ID      string `json:"transaction_id"`
	Account string `json:"account_id"`
}

type cursorPage struct {
	Accounts []cursorAccount     `json:"accounts"`
	Added    []cursorTransaction `json:"added"`
	Modified []cursorTransaction `json:"modified"`
	Removed  []cursorRemoved     `json:"removed"`
	Next     string              `json:"next_cursor"`
	HasMore  bool                `json:"has_more"`
	Status   string              `json:"transactions_update_status"`
	Request  string              `json:"request_id"`
}

// cursorAccount has the balances with the signs of the model: what is owed for a card is positive.
func (a *account) cursorAccount(l *Ledger) cursorAccount {
	booked, available := l.stated()
	shown := cursorAccount{
		ID: a.currentID(), Name: a.name(), Mask: a.currentID()[6:], Type: "depository", Subtype: strings.ToLower(a.kind),
		Balances: cursorBalances{Available: number(available), Current: number(booked), Currency: a.currency},
	}
	if a.kind == card {
		limit := number(creditLimit)
		shown.Type, shown.Subtype = "credit", "credit card"
		shown.Balances.Current, shown.Balances.Limit = number(-booked), &limit
	}
	return shown
}

// number writes cents as JavaScript does: without zeros at the end.
func number(cents int64) json.Number {
	text := strings.TrimRight(amount(cents), "0")
	return json.Number(strings.TrimSuffix(text, "."))
}

func (p *cursorPage) add(a *account, l *Ledger, entry change) {
	id := a.currentID()
	for _, r := range l.shown(entry.record) {
		switch entry.kind {
		case added:
			p.Added = append(p.Added, a.cursorTransaction(id, r))
		case modified:
			p.Modified = append(p.Modified, a.cursorTransaction(id, r))
		case removed:
			p.Removed = append(p.Removed, cursorRemoved{r.idText(), id})
		}
	}
}

// cursorTransaction has the model's sign: what leaves the account is positive.
func (a *account) cursorTransaction(id string, r *record) cursorTransaction {
	t := cursorTransaction{
		ID: r.idText(), Account: id, Amount: number(-r.cents), Currency: a.currency, Date: dayText(r.made), Authorized: dayText(r.made),
		Name: r.party() + " " + r.purpose(), Merchant: r.party(), Pending: r.pending(),
	}
	if !r.pending() {
		t.Date = dayText(r.booked)
	}
	if r.replaces != 0 {
		replaced := idText(r.replaces)
		t.Replaces = &replaced
	}
	return t
}
