// Package connector defines how accounts are fetched from institutions: a connector logs in, lists accounts, and fetches statements or
// transactions. It owns these types, the errors of institutions, and the form of their texts and amounts; each subpackage is one kind of
// institution, except web (requests over HTTPS) and connectortest (the suite). A connector asks for a permit before each request that it sends,
// keeps nothing between two sessions, and prints no secret (rule 8). It must not know of catalogs, workflows or streams.
//
// Amounts are signed decimals as text, positive for a credit (rule 2). Days are written "2006-01-02", times in RFC 3339.
package connector

import (
	"context"
	"net/http"
	"time"

	"bursar/internal/vault"
)

// Connector opens sessions at the institutions of one kind. It is safe for concurrent use.
//
// Errors have a class: Throttled with the time that the institution asks for, Transient where the same session may succeed later (a timeout, a
// server error, an expired session), Data where it will not. A *CredentialsError, a *QuestionError or an *UnknownAccountError says what a
// person can do; the first two come from any method, because many protocols have no login apart from their requests. Every other answer of the institution that the connector does not understand is of class Data and names what was expected.
type Connector interface {
	LogIn(ctx context.Context, l Login) (Session, error)
}

// Session is one visit to an institution. It is for one goroutine.
type Session interface {
	// List returns the accounts that the credentials reach, sorted by id.
	List(ctx context.Context) ([]Account, error)
	// Fetch delivers what the institution has of an account. It may be repeated after any error: what is delivered twice counts once.
	Fetch(ctx context.Context, r Request, d Delivery) error
	// Close logs out, if the institution has that, and frees everything.
	Close(ctx context.Context) error
}

// Login says where and as whom a session is opened.
type Login struct {
	Settings    map[string]string       // of the declared institution, such as "url"; each kind documents its own
	Folder      string                  // of the project; paths in Settings are relative to it
	Credentials map[string]vault.Secret // each kind documents its own
	Answer      vault.Secret            // the answer to the question of the last QuestionError; empty if there is none
	HTTP        *http.Client            // asks for a permit before each request, bounds times and sizes, and trusts the declared certificates
	// Permit waits until another request may be sent to the institution. Connectors that do not use HTTP call it before each request.
	Permit func(ctx context.Context) error
}

// Account is an account as its institution lists it.
type Account struct {
	ID       string `json:"id"` // by which Fetch finds it
	Name     string `json:"name,omitempty"`
	Currency string `json:"currency,omitempty"`
	Type     string `json:"type,omitempty"` // the institution's word, such as "checking"
}

// Request says what is fetched.
type Request struct {
	Account string
	Cursor  string    // that of the last Changes or State that was committed for the account; empty: everything from From on
	From    time.Time // a day; institutions that take an interval are asked from there
	Today   time.Time // a day; the last of the interval
	// Progress is called with how much of the account was fetched: done of total, which is 0 while it is unknown.
	Progress func(done, total int)
}

// Delivery receives what a session fetches, part by part, so that a history of any length is fetched in bounded memory. What it was given is
// durable when a method returns. An error ends the session.
type Delivery interface {
	// Document receives a statement file as the institution sent it. The name is for people, and says the format by its suffix.
	Document(ctx context.Context, name string, content []byte) error
	// Changes receives transactions and balances of an account, with the cursor that counts once they are committed.
	Changes(ctx context.Context, c *Changes) error
	// Records receives events of a stream of the connector as lines of JSON, as they were received: one that is not valid is for the stream to reject.
	Records(ctx context.Context, stream string, lines []byte) error
	// State receives the state to continue with; it counts together with the records and documents before. There may be any number of states in a
	// fetch, and the last one counts, also if the fetch fails after it.
	State(ctx context.Context, state []byte) error
}

const (
	// MaxBody bounds an answer of an institution, in bytes. A longer one is an error of class Data.
	MaxBody = 64 << 20
	// MaxChanges bounds the transactions of one Changes. An institution that has more of them in one page is an error of class Data.
	MaxChanges = 50_000
)

// Changes is what an institution reports of the transactions of an account.
type Changes struct {
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Cursor   string `json:"cursor,omitempty"` // from which the next fetch goes on

	// Complete is set if Transactions lists every transaction of the days From to To: one that is missing there has vanished.
	Complete bool   `json:"complete,omitempty"`
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`

	Transactions []Transaction `json:"transactions,omitempty"` // those that are new or were changed, as they are now; the newest state of each id
	Removed      []string      `json:"removed,omitempty"`      // ids of transactions that the institution has removed
	Balances     []Balance     `json:"balances,omitempty"`

	Partial  bool     `json:"partial,omitempty"`  // the institution says that data is missing: nothing is proven by these changes
	Warnings []string `json:"warnings,omitempty"` // of the institution, for people; at most 20, of at most 300 bytes each
}

// Transaction is a transaction as an institution reports it now.
type Transaction struct {
	ID       string `json:"id"` // the institution's; it may change
	Pending  bool   `json:"pending,omitempty"`
	Replaces string `json:"replaces,omitempty"` // the id of the pending transaction that this one posts, where the institution says so
	Amount   string `json:"amount"`
	Currency string `json:"currency,omitempty"` // empty: that of the account
	Booked   string `json:"booked,omitempty"`   // day; empty while it is pending
	Made     string `json:"made,omitempty"`     // day on which it was made, where stated
	Party    string `json:"party,omitempty"`    // the counterparty
	Text     string `json:"text,omitempty"`
}

// The kinds of balances.
const (
	Booked    = "booked"    // the sum of all posted transactions
	Available = "available" // what can be spent
	Due       = "due"       // what is to be paid for a card
)

// Balance is a balance that an institution states.
type Balance struct {
	Kind     string `json:"kind"`
	Amount   string `json:"amount"`
	Currency string `json:"currency,omitempty"` // empty: that of the account
	At       string `json:"at"`                 // time, or day
}
