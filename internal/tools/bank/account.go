// The accounts of an institution, and what is needed to see them.

package bank

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"sync"
)

// Account is an account with its credentials for each protocol.
type Account struct {
	ID       string
	Name     string
	Currency string
	Type     string // CHECKING, SAVINGS or CREDITCARD

	User, Password string // OFX
	BankID         string // OFX; empty for a card
	TemporaryIDs   bool   // OFX answers have other FITIDs each time
	AccessURL      string // SimpleFIN

	AccessToken, ClientID, Secret string // the cursor API
}

const (
	bankID = "121000999"
	card   = "CREDITCARD"
)

type account struct {
	user     *user
	currency string
	kind     string // as Account.Type

	temporary bool // as Account.TemporaryIDs
	ledger    Ledger

	mu sync.Mutex
	id string
}

var currencies = [...]string{"USD", "USD", "USD", "EUR", "GBP", "CHF"}

func newAccount(b *Bank, i int, u *user, first int64) *account {
	key := mix(b.options.Seed, label("account"), uint64(i))
	a := &account{
		id: fmt.Sprintf("%010d", 4_000_000_000+int64(i)*7+int64(key%7)), user: u,
		currency: currencies[key>>8%uint64(len(currencies))],
		kind:     []string{"CHECKING", "CHECKING", "SAVINGS", card}[key>>16%4],

		temporary: share(key, label("temporary ids")) < b.faults.TemporaryIDs,
	}
	a.ledger.init(key, a.kind == card, b.options.Activity, first, tickOf(b.started), plannedDamage(b.faults, key))
	return a
}

func (a *account) currentID() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.id
}

func (a *account) name() string {
	return map[string]string{"CHECKING": "Everyday Checking", "SAVINGS": "Rainy Day Savings", card: "Gold Card"}[a.kind] + " " + a.currentID()[6:]
}

// Accounts lists all accounts with the credentials that are valid now, in the order of their creation.
func (b *Bank) Accounts() []Account {
	list := make([]Account, len(b.accounts))
	for i, a := range b.accounts {
		list[i] = b.describe(a)
	}
	return list
}

func (b *Bank) describe(a *account) Account {
	password := a.user.currentPassword()
	described := Account{
		ID: a.currentID(), Name: a.name(), Currency: a.currency, Type: a.kind, User: a.user.name, Password: password, BankID: bankID,
		AccessURL: b.accessURL(a.user), AccessToken: a.user.token, ClientID: b.clientID(), Secret: b.secret(),
		TemporaryIDs: a.temporary,
	}
	if a.kind == card {
		described.BankID = ""
	}
	return described
}

func (b *Bank) accessURL(u *user) string {
	root, _ := url.Parse(b.URL(SimpleFIN)) // it is ours
	root.User = url.UserPassword(u.name, u.accessPassword())
	return root.String()
}

func (b *Bank) clientID() string {
	return fmt.Sprintf("%016x", mix(b.options.Seed, label("client id")))
}
func (b *Bank) secret() string { return fmt.Sprintf("%016x", mix(b.options.Seed, label("secret"))) }

// SetupToken returns a new SimpleFIN setup token for the user of an account. It can be claimed once.
func (b *Bank) SetupToken(id string) string {
	token := fmt.Sprintf("%016x", mix(b.options.Seed, label("claim"), b.counts.claims.Add(1)))
	b.claims.Store(token, b.must(id).user)
	return base64.StdEncoding.EncodeToString([]byte(b.URL(SimpleFIN) + "/claim/" + token))
}

// Renew gives the user of an account a new password, as somebody who was locked out gets it, and returns the account with the new credentials.
func (b *Bank) Renew(id string) Account {
	a := b.must(id)
	a.user.renew()
	return b.describe(a)
}

// OneTimePassword returns the one-time password that the user of an account has to send next. It is valid until it was used.
func (b *Bank) OneTimePassword(id string) string { return b.must(id).user.oneTimePassword() }

// Act changes an account as its ledger offers it.
func (b *Bank) Act(id string, change func(l *Ledger)) { b.act(b.must(id), change) }

func (b *Bank) act(a *account, change func(l *Ledger)) {
	a.ledger.mu.Lock()
	defer a.ledger.mu.Unlock()
	a.ledger.simulate(tickOf(b.now()))
	change(&a.ledger)
}

// Relink gives every transaction of an account a new id, in all protocols.
func (b *Bank) Relink(id string) { b.Act(id, (*Ledger).Relink) }

// Move gives an account a new id, and returns it. The old one is unknown from then on.
func (b *Bank) Move(id string) string {
	a := b.must(id)
	a.mu.Lock()
	defer a.mu.Unlock()
	b.byID.Delete(a.id)
	a.id = fmt.Sprintf("%010d", 5_000_000_000+b.counts.moves.Add(1))
	b.byID.Store(a.id, a)
	return a.id
}
