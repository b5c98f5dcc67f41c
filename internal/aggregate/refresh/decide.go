// What people decide about the transactions of an account, and what they are shown.

package refresh

import (
	"context"
	"errors"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/aggregate/limit"
	"bursar/internal/catalog"
)

// Join makes the two transactions of a suggestion one.
func (r *Refresher) Join(ctx context.Context, ref account.Ref, suggestion string) error {
	return r.decide(ctx, ref, func(a ledger.Account, known []ledger.Entry, state ledger.State) (ledger.Result, error) {
		return ledger.Accept(a, known, state, suggestion, r.Now().UTC())
	})
}

// Reject records that the two transactions of a suggestion are separate ones.
func (r *Refresher) Reject(ctx context.Context, ref account.Ref, suggestion string) error {
	return r.decide(ctx, ref, func(a ledger.Account, known []ledger.Entry, state ledger.State) (ledger.Result, error) {
		return ledger.Reject(a, known, state, suggestion, r.Now().UTC())
	})
}

// Separate separates a transaction at one of its earlier ids.
func (r *Refresher) Separate(ctx context.Context, ref account.Ref, transaction, source string) error {
	return r.decide(ctx, ref, func(a ledger.Account, known []ledger.Entry, state ledger.State) (ledger.Result, error) {
		return ledger.Undo(a, known, state, transaction, source, r.Now().UTC())
	})
}

// decide applies a decision to the ledger of an account, and stores its events.
func (r *Refresher) decide(ctx context.Context, ref account.Ref, fn func(ledger.Account, []ledger.Entry, ledger.State) (ledger.Result, error)) error {
	a, err := r.Accounts.Get(ctx, ref)
	if err != nil {
		return err
	}
	err = r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		return r.change(tx, ref, func(known []ledger.Entry, state ledger.State) (ledger.Result, error) {
			return fn(ledger.Account{Institution: ref.Institution, ID: ref.Account, Currency: a.Currency}, known, state)
		})
	})
	if err != nil {
		return err
	}
	return r.deliver(ctx, ref)
}

// Ledger returns the transactions of an account, and what is open about them.
func (r *Refresher) Ledger(ctx context.Context, ref account.Ref) (entries []ledger.Entry, state ledger.State, err error) {
	err = r.Catalog.View(ctx, func(tx catalog.Tx) error {
		if _, err := tx.Get(documentKey("ledger", ref), &state); err != nil {
			return err
		}
		entries, err = catalog.All[ledger.Entry](tx, entryPrefix(ref), "")
		return err
	})
	return entries, state, err
}

// listPatience bounds how long List waits until a session may begin: refreshes may have all of them.
const listPatience = 30 * time.Second

// awaitSession waits until a session may begin at an institution that works and has not asked to be left alone for longer.
func (r *Refresher) awaitSession(ctx context.Context, institution string, l limit.Limits) (*limit.Session, error) {
	until := time.Now().Add(listPatience)
	for {
		session, err := r.Pool.Session(ctx, institution, l)
		var busy *limit.BusyError
		if !errors.As(err, &busy) || busy.Breaker.State != limit.Closed || time.Now().Add(busy.After).After(until) {
			return session, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(busy.After):
		}
	}
}

// List logs in to an institution, and returns the accounts that credentials reach.
func (r *Refresher) List(ctx context.Context, institution string, credentials map[string]string) (list []connector.Account, err error) {
	i, c, err := r.connectionOf(account.Ref{Institution: institution})
	if err != nil {
		return nil, err
	}
	permits, err := r.awaitSession(ctx, institution, LimitsOf(i.Connection))
	if err != nil {
		return nil, err
	}
	answered := context.Canceled // the institution was not asked
	defer func() { permits.End(answered) }()
	ctx = limit.WithSession(ctx, permits)
	login, hide, err := r.login(i, &account.Account{Ref: account.Ref{Institution: institution}, Credentials: credentials}, permits)
	if err != nil {
		return nil, err
	}
	defer func() { answered = err }()
	session, err := c.LogIn(ctx, login)
	if err != nil {
		return nil, hide(err)
	}
	list, err = session.List(ctx)
	err = hide(errors.Join(err, session.Close(context.WithoutCancel(ctx))))
	return list, err
}
