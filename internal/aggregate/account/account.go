// Package account keeps the records of accounts that are fetched from institutions: where each one is, what its running refresh has fetched, when the
// next one is due, and how many were begun today. It owns these documents of the catalog. Every change is one transaction, and one that is repeated
// changes nothing more (rule 5). It must not know of workflows or institutions' protocols, and keeps no secret: only references to them (rule 8).
package account

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

// Ref names an account: its institution, and its id there.
type Ref struct {
	Institution string `json:"institution"`
	Account     string `json:"account"`
}

// String returns "institution/account". It names the account for people, and in the ids of workflows.
func (r Ref) String() string { return r.Institution + "/" + r.Account }

// ParseRef reads what String returns.
func ParseRef(text string) (Ref, error) {
	institution, id, found := strings.Cut(text, "/")
	if !found || institution == "" || id == "" {
		return Ref{}, failure.Wrap(failure.Data, fmt.Errorf("%q is not an account: write INSTITUTION/ACCOUNT, such as acme/checking:42", text))
	}
	return Ref{institution, id}, nil
}

// MaxID bounds the id of an account, in bytes.
const MaxID = 200

// CheckID returns an error of class Data for an id that cannot be kept.
func CheckID(id string) error {
	if id == "" || len(id) > MaxID || strings.ToValidUTF8(id, "") != id || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return failure.Wrap(failure.Data, fmt.Errorf("%q is not a valid id of an account: use 1 to %d bytes of UTF-8 without control characters", id, MaxID))
	}
	return nil
}

// State is where an account is.
type State string

// The states of accounts.
const (
	Waiting    State = "waiting"     // for its next refresh, or for its turn
	Fetching   State = "fetching"    // logs in, and downloads
	Processing State = "processing"  // what was downloaded
	Asking     State = "asking"      // waits for the answer to a question of the institution
	Rejected   State = "credentials" // waits for new credentials
)

// Outcome is how a refresh has ended.
type Outcome string

// The outcomes of refreshes.
const (
	Complete Outcome = "complete" // everything that the institution has was fetched and stored
	Failed   Outcome = "failed"   // the reason says why; the next refresh fetches what is missing
)

// Account is the record of an account.
type Account struct {
	Ref
	Name        string            `json:"name,omitempty"`
	Currency    string            `json:"currency,omitempty"`
	Type        string            `json:"type,omitempty"`
	Credentials map[string]string `json:"credentials,omitempty"` // references, by what they are for
	Added       time.Time         `json:"added"`

	State    State     `json:"state"`
	Since    time.Time `json:"since"`            // of the state
	Reason   string    `json:"reason,omitempty"` // why it waits, or why the last refresh has failed
	Class    string    `json:"class,omitempty"`  // of that failure
	Question string    `json:"question,omitempty"`
	Answer   string    `json:"answer,omitempty"` // encrypted for the vault's key; removed when it was used

	Refresh   int        `json:"refresh,omitempty"` // number of the refresh that runs, or ran last
	Running   bool       `json:"running,omitempty"` // the refresh was begun, and has not ended
	Asked     bool       `json:"asked,omitempty"`   // a person asked for it
	Begun     time.Time  `json:"begun,omitzero"`    // when its first session began; zero while it waits for its turn
	Ended     time.Time  `json:"ended,omitzero"`
	Outcome   Outcome    `json:"outcome,omitempty"`   // of the refresh that ended last
	Succeeded time.Time  `json:"succeeded,omitzero"`  // when a refresh was complete last
	Covered   time.Time  `json:"covered,omitzero"`    // when one was, and the institution did not say that data was missing
	Failures  int        `json:"failures,omitempty"`  // refreshes in a row
	Requests  int        `json:"requests,omitempty"`  // of the refresh, to the institution
	Attempts  int        `json:"attempts,omitempty"`  // visits of the refresh that have failed; those that could not begin do not count
	Documents []Document `json:"documents,omitempty"` // that it has fetched
	Judged    bool       `json:"judged,omitempty"`    // what it has fetched is stored in the ledger

	Next      time.Time `json:"next,omitzero"` // when the next refresh is due; zero: when a person asks for it
	Day       string    `json:"day,omitempty"` // of the counts
	Scheduled int       `json:"scheduled,omitempty"`
	ByPerson  int       `json:"by_person,omitempty"`

	Cursor   string    `json:"cursor,omitempty"`  // of what is stored
	Fetched  string    `json:"fetched,omitempty"` // the cursor that counts when the documents are processed
	Standing *Standing `json:"standing,omitempty"`
}

// Document is something that a refresh has fetched: an object.
type Document struct {
	Name    string `json:"name"`
	Object  string `json:"object"`
	Bytes   int64  `json:"bytes"`
	Changes bool   `json:"changes,omitempty"` // transactions and balances; else a statement file
	Done    bool   `json:"done,omitempty"`
	Refused string `json:"refused,omitempty"` // why a statement file could not be read
}

// Standing is what the last complete refresh says of an account.
type Standing struct {
	Currency  string    `json:"currency,omitempty"`
	Balance   string    `json:"balance,omitempty"` // booked, as the institution states it
	Available string    `json:"available,omitempty"`
	Due       string    `json:"due,omitempty"`
	StatedAt  string    `json:"stated_at,omitempty"`
	Posted    string    `json:"posted,omitempty"`  // the sum of the posted transactions that are known
	Pending   string    `json:"pending,omitempty"` // the sum of the pending ones
	Verdict   string    `json:"verdict,omitempty"` // PROVEN, CLAIMED, UNKNOWN or BROKEN
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
	Partial   bool      `json:"partial,omitempty"`  // the institution says that data is missing
	Warnings  []string  `json:"warnings,omitempty"` // of the institution
}

// Progress returns how many of the documents of the refresh are processed.
func (a *Account) Progress() (done, total int) {
	for i := range a.Documents {
		if a.Documents[i].Done {
			done++
		}
	}
	return done, len(a.Documents)
}

// IsAnswered reports whether a person has done what the refresh waits for, and it may not have noticed that yet.
func (a *Account) IsAnswered() bool {
	return a.Running && (a.State == Asking && a.Answer != "" || a.State == Waiting && a.Reason == relinked)
}

// Accounts are the records of a project.
type Accounts struct {
	Catalog catalog.Catalog
	Now     func() time.Time
}

const (
	accountPrefix     = "aggregate/account/"
	duePrefix         = "aggregate/due/"
	runningPrefix     = "aggregate/running/"
	institutionPrefix = "aggregate/institution/"
)

// escape makes an id part of a key: it has no slash then.
func escape(id string) string { return url.PathEscape(id) }

func key(r Ref) string { return accountPrefix + r.Institution + "/" + escape(r.Account) }

func runningKey(r Ref) string { return runningPrefix + r.Institution + "/" + escape(r.Account) }

// dueKey orders the accounts of an institution by their next refresh.
func dueKey(r Ref, next time.Time) string {
	return fmt.Sprintf("%s%s/%020d/%s", duePrefix, r.Institution, next.UnixNano(), escape(r.Account))
}

// NotFoundError says that an account was not added.
type NotFoundError struct{ Ref }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("account %s was not added: `bursar account list` shows the accounts", e.Ref)
}

// Class is Data.
func (e *NotFoundError) Class() failure.Class { return failure.Data }

// ExitCode is that of something that does not exist (DESIGN §7).
func (e *NotFoundError) ExitCode() int { return 3 }

func get(tx catalog.Tx, r Ref) (*Account, error) {
	var a Account
	found, err := tx.Get(key(r), &a)
	if err == nil && !found {
		err = &NotFoundError{r}
	}
	return &a, err
}
