// Package refresh has the steps of refreshing an account: it visits the institution and keeps what it delivers as objects, stores statement files and
// transactions as events, and judges the account. It owns the order of these effects: what was fetched is durable before it is processed; what
// transactions become is fixed in the catalog, with the cursor, before their events are stored, and stored again from there after a crash (rules 1 and
// 5). It must not know of workflows.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/limit"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// Refresher refreshes the accounts of a project. It is safe for concurrent use.
type Refresher struct {
	Project    *project.Project
	Accounts   *account.Accounts
	Catalog    catalog.Catalog
	Objects    object.Store
	Connectors map[string]connector.Connector // by kind
	Pool       *limit.Pool
	Scratch    string // folder for statement files while they are imported
	Now        func() time.Time
	Log        *slog.Logger

	// Resolve returns the value of a text that may be a reference; see vault.References.
	Resolve func(file string, line int, key, text string) (vault.Secret, error)
	// Decrypt returns what was encrypted for the vault's key.
	Decrypt func(encrypted string) (vault.Secret, error)
	// Import imports statement files as one group, and returns for each why nothing of it was accepted; empty if it was.
	Import importFunc
	// ImportInterval is the least time between the begins of two imports that follow each other: each costs more than the files in it.
	ImportInterval time.Duration
	// Accept stores events of a stream, given as lines of JSON. What is accepted again counts once. It returns how many rows are in quarantine, and
	// why the first of them is.
	Accept func(ctx context.Context, stream string, lines []byte) (quarantined int64, reason string, err error)

	// OnEnd is called when a refresh has ended; may be nil. It must return at once.
	OnEnd func(*account.Account)

	imports importGroups

	mu      sync.Mutex
	clients map[string]*http.Client // by institution
}

// Visit is how a visit to an institution has ended.
type Visit struct {
	Ended      bool // the refresh has ended before: nothing is to be done
	Statements int  // statement files to process
	Waits      bool // for a person
	Question   bool // for the answer to a question, else for new credentials
}

// connectionOf returns the institution of an account, which must be declared with a connector.
func (r *Refresher) connectionOf(ref account.Ref) (*project.Institution, connector.Connector, error) {
	i := r.Project.Institution(ref.Institution)
	if i == nil || i.Connection == nil {
		return nil, nil, failure.Wrap(failure.Data, fmt.Errorf("institution %s has no connector in institutions/ of this project folder", ref.Institution))
	}
	c := r.Connectors[i.Connection.Kind]
	if c == nil {
		return nil, nil, fmt.Errorf("there is no connector of the kind %s", i.Connection.Kind)
	}
	return i, c, nil
}

// LimitsOf returns the limits of an institution.
func LimitsOf(c *project.Connection) limit.Limits {
	return limit.Limits{
		Requests: c.Limits.Requests, Per: c.Limits.Per, Sessions: c.Limits.Sessions,
		Failures: c.Breaker.Failures, Wait: c.Breaker.Wait, Longest: c.Breaker.Longest,
	}
}

// RulesOf returns when the accounts of an institution are refreshed.
func RulesOf(c *project.Connection) account.Rules {
	return account.Rules{Every: c.Refresh.Every, AccountDay: c.Limits.AccountDay, Day: c.Limits.Day, Reserve: c.Limits.Reserve}
}

// visitOf is what a visit returns with a record that needs none: that of a refresh that has fetched everything, has ended, or waits for a person, who
// has not acted yet.
func visitOf(a *account.Account, refresh int) (v Visit, done bool) {
	switch {
	case !a.IsRunning(refresh):
		return Visit{Ended: true}, true
	case a.State == account.Processing:
		for i := range a.Documents {
			if !a.Documents[i].Changes {
				v.Statements++
			}
		}
		return v, true
	case a.State == account.Asking && a.Answer == "":
		return Visit{Waits: true, Question: true}, true
	case a.State == account.Rejected:
		return Visit{Waits: true}, true
	}
	return v, false
}

// Visit visits the institution of an account for a refresh, and keeps what it delivers. It is repeated until the refresh has fetched everything, or
// waits for a person. An error that may pass is recorded as the reason why the account waits.
func (r *Refresher) Visit(ctx context.Context, ref account.Ref, refresh int) (v Visit, err error) {
	i, c, err := r.connectionOf(ref)
	if err != nil {
		return v, err
	}
	a, err := r.Accounts.Get(ctx, ref)
	if err != nil {
		return v, err
	}
	if v, done := visitOf(a, refresh); done {
		return v, nil
	}
	session, err := r.Pool.Session(ctx, ref.Institution, LimitsOf(i.Connection))
	if err != nil {
		return v, r.retrying(ctx, ref, refresh, err)
	}
	answered := context.Canceled // the institution was not asked, or what has failed is not its fault
	defer func() { session.End(answered) }()
	if a, err = r.Accounts.Begin(ctx, ref, refresh); err != nil {
		return v, err
	}
	if v, done := visitOf(a, refresh); done {
		return v, nil
	}
	d := &delivery{Refresher: r, ref: ref, refresh: refresh, streams: i.Connection.Streams}
	ended := r.fetch(limit.WithSession(ctx, session), i, c, a, session, d)
	if d.failed == nil {
		answered = ended
	}
	return r.ended(ctx, d, session.Requests(), ended)
}

// ended records how a session has ended.
func (r *Refresher) ended(ctx context.Context, d *delivery, requests int, err error) (Visit, error) {
	var rejected *connector.CredentialsError
	var question *connector.QuestionError
	switch {
	case errors.As(err, &rejected):
		return Visit{Waits: true}, r.Accounts.Ask(ctx, d.ref, account.Asked{Refresh: d.refresh, Reason: err.Error(), Requests: requests})
	case errors.As(err, &question):
		asks := d.hide(errors.New(question.Question)).Error()
		asked := account.Asked{Refresh: d.refresh, Question: asks, Reason: "the institution asks a question", Requests: requests}
		return Visit{Waits: true, Question: true}, r.Accounts.Ask(ctx, d.ref, asked)
	case err != nil:
		return Visit{}, r.retrying(ctx, d.ref, d.refresh, err)
	}
	d.sort()
	a, err := r.Accounts.Fetched(ctx, d.ref, account.Fetched{Refresh: d.refresh, Documents: d.documents, Cursor: d.cursor, Requests: requests})
	if err != nil {
		return Visit{}, err
	}
	v, _ := visitOf(a, d.refresh)
	return v, nil
}

// visitBackoff is the wait after visits of a refresh that have failed. Attempts that found no place at the institution do not make it longer.
var visitBackoff = failure.Backoff{Least: time.Second, Most: time.Minute}

// retrying records why an account waits for another attempt, and returns that error, which knows how long.
func (r *Refresher) retrying(ctx context.Context, ref account.Ref, refresh int, cause error) error {
	if !failure.Of(cause).Retryable() || ctx.Err() != nil {
		return cause
	}
	a, err := r.Accounts.Retrying(ctx, ref, refresh, cause)
	if err != nil {
		return err
	}
	if failure.Of(cause) == failure.Throttled {
		return cause
	}
	return failure.Delay(visitBackoff.After(a.Attempts), cause)
}

// fetch has one session at an institution.
func (r *Refresher) fetch(ctx context.Context, i *project.Institution, c connector.Connector, a *account.Account, permits *limit.Session, d *delivery) error {
	login, hide, err := r.login(i, a, permits)
	if err != nil {
		return d.fail(err)
	}
	d.hide = hide
	session, err := c.LogIn(ctx, login)
	if err != nil {
		return hide(err)
	}
	request := connector.Request{Account: a.Account, Cursor: a.Cursor, From: since(a, i.Connection, r.Now()), Today: r.Now().UTC().Truncate(24 * time.Hour)}
	err = session.Fetch(ctx, request, d)
	return hide(errors.Join(err, session.Close(context.WithoutCancel(ctx))))
}

// overlap is how many days before the last complete refresh are fetched again: institutions change what they have reported.
const overlap = 30 * 24 * time.Hour

// since returns from which day on an account is fetched. However long ago the last refresh is that was complete and had no data missing, no day after it
// is left out, and none is fetched from before the first refresh began.
func since(a *account.Account, c *project.Connection, now time.Time) time.Time {
	if a.Covered.IsZero() {
		return now.Add(-c.Refresh.Since)
	}
	return a.Covered.Add(-min(overlap, c.Refresh.Since))
}
