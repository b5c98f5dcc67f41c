// Package ledger decides what becomes of the transactions that an institution reports of an account. It owns which reported ids are the same
// economic transaction, what a transaction is now, and whether all of them explain the stated balance. Its functions are pure: the same entries,
// state, changes and time give the same result. It must not read clocks, files or the catalog.
//
// A transaction is never deleted: what becomes of it is its next version. Each version states by how much it changes the sums of the account, so
// the versions of a currency, in any order, add up to the amounts of its transactions. All amounts are exact (rule 2).
package ledger

import (
	"cmp"
	"time"

	"bursar/internal/aggregate/format/statement"
)

// Account is the account whose transactions are decided about.
type Account struct {
	Institution string
	ID          string // the institution's
	Currency    string // of transactions and balances that state none
}

// Status is what a transaction is now.
type Status string

// The statuses.
const (
	Pending  Status = "pending"
	Posted   Status = "posted"
	Vanished Status = "vanished" // the institution no longer has it
	Merged   Status = "merged"   // it is part of another one
)

// Content is what an institution says of a transaction. Amounts are normal: with as few decimals as needed, but at least two.
type Content struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Booked   string `json:"booked,omitempty"` // day
	Made     string `json:"made,omitempty"`   // day
	Party    string `json:"party,omitempty"`
	Text     string `json:"text,omitempty"`
}

// Entry is one economic transaction as it is now.
type Entry struct {
	ID      string `json:"id"` // made from the first id of the institution; it never changes
	Version int    `json:"version"`
	Status  Status `json:"status"`
	Was     Status `json:"was,omitempty"`  // Pending or Posted: what a vanished or merged one was before
	Into    string `json:"into,omitempty"` // the entry that a merged one is part of
	Source  string `json:"source"`         // the institution's id now
	Content
	Aliases  []Alias   `json:"aliases,omitempty"` // the institution's earlier ids, oldest first
	Evidence string    `json:"evidence"`          // why this version is as it is
	First    time.Time `json:"first"`             // when it was first reported
	At       time.Time `json:"at"`                // when it became as it is now
}

// Basis is what says that two ids are the same transaction.
type Basis string

// The bases.
const (
	ByInstitution Basis = "institution" // it names the pending transaction that it posts
	ByContent     Basis = "content"     // equal content, unique both ways
	ByBalance     Basis = "balance"     // only so does the stated balance fit
	ByPerson      Basis = "person"      // an accepted suggestion
)

// Alias is an earlier id of a transaction, with what the institution said under it, so that the two can be separated again.
type Alias struct {
	Source string `json:"source"`
	Status Status `json:"status,omitempty"` // empty: nothing was reported under this id
	Content
	Listed   bool      `json:"listed,omitempty"` // the institution has not removed it
	By       Basis     `json:"by"`
	Evidence string    `json:"evidence"`
	At       time.Time `json:"at"`
}

// Version is an event of the stream account_transactions: what a transaction is from a time on.
type Version struct {
	EventID       string    `json:"id"`
	Institution   string    `json:"institution"`
	Account       string    `json:"account"`
	Transaction   string    `json:"transaction"`
	Version       int       `json:"version"`
	Status        Status    `json:"status"`
	SourceID      string    `json:"source_id"`
	Amount        string    `json:"amount"`
	Currency      string    `json:"currency"`
	Booked        string    `json:"booked,omitempty"`
	Made          string    `json:"made,omitempty"`
	Party         string    `json:"party,omitempty"`
	Text          string    `json:"text,omitempty"`
	Evidence      string    `json:"evidence"`
	Replaces      string    `json:"replaces,omitempty"` // the transactions that became part of it with this version, separated by blanks
	SameAs        string    `json:"same_as,omitempty"`  // the transaction that it is part of
	PostedChange  string    `json:"posted_change"`
	PendingChange string    `json:"pending_change"`
	At            time.Time `json:"at"`
}

// Result is what an operation changes. Entries and versions are sorted by transaction.
type Result struct {
	Entries  []Entry   // that changed or are new, to be stored instead of those with the same id
	Versions []Version // events to be stored
	Balances []Stated  // events to be stored
	State    State     // instead of the one before

	Verdicts []Verdict // by currency, sorted
	Warnings []error   // of class Data: each names what was left out
}

// dayLayout is how days are written.
const dayLayout = time.DateOnly

// sumOf is an amount that was checked when it was read.
func sumOf(amount string) (s statement.Sum) {
	s.Add(amount)
	return s
}

// amount is the amount of a content as a number.
func (c *Content) amount() statement.Sum { return sumOf(c.Amount) }

// day is the best known day of an entry.
func (e *Entry) day() string {
	first := e.First.UTC().Format(dayLayout)
	if e.isPending() {
		return cmp.Or(e.Made, e.Booked, first)
	}
	return cmp.Or(e.Booked, e.Made, first)
}

// isPending reports whether an entry is pending, or was when it vanished.
func (e *Entry) isPending() bool {
	return e.Status == Pending || e.Status != Posted && e.Was == Pending
}

// isLive reports whether the institution has the transaction.
func (e *Entry) isLive() bool { return e.Status == Pending || e.Status == Posted }
