// What people ask of accounts: to add, refresh, relink and remove them, to answer for them, and to decide about their transactions.

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/flow"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/aggregate/refresh"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/vault"
)

// InstitutionStatus is an institution with a connector, for people.
type InstitutionStatus struct {
	Name string `json:"institution"`
	Kind string `json:"kind"`
	URL  string `json:"url,omitempty"` // as it is declared
	account.Institution
	Limits  project.Limits   `json:"-"`
	Breaker *account.Breaker `json:"breaker,omitempty"` // nil: closed
}

// Institutions returns the institutions that have a connector, in the order of their names.
func (a *App) Institutions(ctx context.Context) (list []InstitutionStatus, err error) {
	for _, i := range a.Project.Institutions {
		if i.Connection == nil {
			continue
		}
		one := InstitutionStatus{Name: i.Name, Kind: i.Connection.Kind, URL: i.Connection.Settings["url"], Limits: i.Connection.Limits}
		if one.Institution, err = a.Accounts().Institution(ctx, i.Name); err != nil {
			return nil, err
		}
		b, err := a.breaker(ctx, i.Name)
		if err != nil {
			return nil, err
		}
		if b.State != "" {
			one.Breaker = &b
		}
		list = append(list, one)
	}
	return list, nil
}

// breakerAge is how long after its end the record of a breaker counts: each attempt makes a new one, unless what decides about them was lost.
const breakerAge = 10 * time.Minute

// breaker returns the breaker of an institution. One whose record does not count any more is closed.
func (a *App) breaker(ctx context.Context, institution string) (account.Breaker, error) {
	b, err := a.Accounts().Breaker(ctx, institution)
	if err != nil || time.Since(b.Until) >= breakerAge {
		return account.Breaker{}, err
	}
	return b, nil
}

// connected returns a declared institution that has a connector.
func (a *App) connected(name string) (*project.Institution, error) {
	i := a.Project.Institution(name)
	switch {
	case i == nil:
		return nil, &reconcile.NotFoundError{What: "institution " + name}
	case i.Connection == nil:
		return nil, failure.Wrap(failure.Data, fmt.Errorf("%s:%d: institution %s has no `connector`, so that its accounts cannot be fetched", i.File, i.Line, name))
	}
	return i, nil
}

// ListAtInstitution logs in to an institution with credentials, and returns the accounts that they reach.
func (a *App) ListAtInstitution(ctx context.Context, name string, credentials map[string]string) ([]connector.Account, error) {
	if _, err := a.connected(name); err != nil {
		return nil, err
	}
	if err := a.beginRefreshing(ctx); err != nil {
		return nil, err
	}
	return a.refresher().List(ctx, name, credentials)
}

// AddAccounts records accounts, which are refreshed as soon as somebody does that. Those that exist stay as they are.
func (a *App) AddAccounts(ctx context.Context, list []account.Account) (added []account.Ref, err error) {
	for i := range list {
		declared, err := a.connected(list[i].Institution)
		if err != nil {
			return nil, err
		}
		if err := vaultReferences(list[i].Credentials); err != nil {
			return nil, err
		}
		list[i].Next = time.Time{}
		if declared.Connection.Refresh.Every > 0 {
			list[i].Next = time.Now().UTC()
		}
	}
	added, err = a.Accounts().Add(ctx, list)
	if err == nil {
		a.accountsChanged(ctx)
	}
	return added, err
}

// vaultReferences refuses credentials that are not references: they would be stored as they are.
func vaultReferences(credentials map[string]string) error {
	for name, text := range credentials {
		if !project.IsReference(text) {
			return failure.Wrap(failure.Data, fmt.Errorf("the credential %s is not a reference: put it into the vault with `bursar vault set NAME`, and give %[1]s=vault:NAME", name))
		}
	}
	return nil
}

// RemoveAccount forgets an account. The events of it stay; those that a decision could not store yet are stored before.
func (a *App) RemoveAccount(ctx context.Context, ref account.Ref) error {
	if err := a.refresher().Deliver(ctx, ref, a.beginRefreshing); err != nil {
		return err
	}
	return a.Accounts().Remove(ctx, ref)
}

// RelinkAccount replaces references to credentials of an account. A refresh that waits for them goes on.
func (a *App) RelinkAccount(ctx context.Context, ref account.Ref, credentials map[string]string) (*account.Account, error) {
	if err := vaultReferences(credentials); err != nil {
		return nil, err
	}
	one, err := a.Accounts().SetCredentials(ctx, ref, credentials)
	if err != nil {
		return nil, err
	}
	a.accountsChanged(ctx)
	return one, a.notifyRefresh(ctx, one)
}

// AnswerAccount answers the question that the institution of an account asks. It is kept encrypted until it was used.
func (a *App) AnswerAccount(ctx context.Context, ref account.Ref, answer vault.Secret) error {
	text, err := vault.New(a.Project.Dir, vault.ProcessEnvironment()).Encrypt(answer)
	if err != nil {
		return fmt.Errorf("encrypt the answer: %w", err)
	}
	asked, err := a.Accounts().Answer(ctx, ref, text)
	if err != nil {
		return err
	}
	one, err := a.Accounts().Get(ctx, ref)
	if err != nil {
		return err
	}
	if !asked {
		return failure.Wrap(failure.Data, fmt.Errorf("account %s waits for no answer: `bursar account status %s` says where it is", ref, ref.Institution))
	}
	return a.notifyRefresh(ctx, one)
}

// notifyRefresh notifies the refresh of an account, if it runs, that a person has done something.
func (a *App) notifyRefresh(ctx context.Context, one *account.Account) error {
	if !one.Running || !a.IsShared() && !a.refreshes() {
		return nil
	}
	starter, err := a.refreshStarter(ctx)
	if err != nil {
		return err
	}
	return starter.Notify(ctx, one.Ref)
}

// refreshes reports whether this process has the workers that refresh accounts.
func (a *App) refreshes() bool {
	a.starting.Lock()
	defer a.starting.Unlock()
	return a.aggregation.works
}

// accountsChanged notifies whoever decides what is due. What a person has asked for is recorded already: without the notification it is noticed
// later.
func (a *App) accountsChanged(ctx context.Context) {
	if err := a.wake(ctx, flow.NewScheduler, &a.aggregation.scheduler); err != nil {
		a.log.Warn("a change of accounts is recorded, but the processes that refresh them are not notified", "error", err)
	}
}

// beginRefreshing has this process refresh accounts, unless it does. Calls at the same time begin once: a stream has one intake.
func (a *App) beginRefreshing(ctx context.Context) error {
	a.aggregation.beginning.Lock()
	defer a.aggregation.beginning.Unlock()
	if a.refreshes() {
		return nil
	}
	stopStreams := func() error { return nil }
	if !a.IsShared() {
		var err error
		stopStreams, err = a.startLiveIntake(ctx)
		if err != nil {
			return errors.Join(err, stopStreams())
		}
	}
	stopWorkers, err := a.startRefreshWorkers(ctx)
	a.starting.Lock()
	defer a.starting.Unlock()
	a.closers = append(a.closers, func() error { return errors.Join(stopWorkers(), stopStreams()) })
	return err
}

// refreshPoll is how often a command looks where a refresh is.
const refreshPoll = 100 * time.Millisecond

// RefreshAccount refreshes an account now, and waits until that has ended; a refresh that runs is joined. watch, which may be nil, is called with the
// record again and again. Where no process is up, this one does the work.
func (a *App) RefreshAccount(ctx context.Context, ref account.Ref, watch func(*account.Account)) (one *account.Account, joined bool, err error) {
	i, err := a.connected(ref.Institution)
	if err != nil {
		return nil, false, err
	}
	if err := a.beginRefreshing(ctx); err != nil {
		return nil, false, err
	}
	starter, err := a.refreshStarter(ctx)
	if err != nil {
		return nil, false, err
	}
	begun, joined, err := a.Accounts().AskNow(ctx, ref, refresh.RulesOf(i.Connection))
	if err != nil {
		return nil, false, err
	}
	one, err = a.awaitRefresh(ctx, starter, account.Refresh{Ref: ref, Number: begun.Refresh}, watch)
	return one, joined, err
}

// resumeRefresh starts the workflow of a refresh that has begun, unless it runs, and notifies it of what a person has done while no process was up.
func resumeRefresh(ctx context.Context, starter flow.Starter, begun *account.Account) error {
	err := starter.Start(ctx, account.Refresh{Ref: begun.Ref, Number: begun.Refresh})
	if err == nil && begun.IsAnswered() {
		err = starter.Notify(ctx, begun.Ref)
	}
	return err
}

// startPolls is after how many looks the workflow of a refresh that has not gone on is started again: that of the one before may have been about to end.
const startPolls = 10

// awaitRefresh starts the workflow of a refresh, unless it runs, and waits until the refresh has ended.
func (a *App) awaitRefresh(ctx context.Context, starter flow.Starter, begun account.Refresh, watch func(*account.Account)) (*account.Account, error) {
	ticker := time.NewTicker(refreshPoll)
	defer ticker.Stop()
	for polls := 0; ; polls++ {
		one, err := a.Accounts().Get(ctx, begun.Ref)
		if err != nil {
			return nil, err
		}
		if watch != nil {
			watch(one)
		}
		if !one.IsRunning(begun.Number) {
			return one, nil
		}
		if polls == 0 || polls%startPolls == 0 && one.Begun.IsZero() {
			if err := resumeRefresh(ctx, starter, one); err != nil {
				return one, err
			}
		}
		select {
		case <-ctx.Done():
			return one, ctx.Err()
		case <-ticker.C:
		}
	}
}

// Transactions returns the transactions of an account, and the suggestions that are open.
func (a *App) Transactions(ctx context.Context, ref account.Ref) ([]ledger.Entry, []ledger.Suggestion, error) {
	if _, err := a.Accounts().Get(ctx, ref); err != nil {
		return nil, nil, err
	}
	entries, state, err := a.refresher().Ledger(ctx, ref)
	return entries, state.Open, err
}

// DecideSuggestion makes the two transactions of a suggestion one, or records that they are separate.
func (a *App) DecideSuggestion(ctx context.Context, ref account.Ref, id string, join bool) error {
	if err := a.beginRefreshing(ctx); err != nil {
		return err
	}
	if join {
		return a.refresher().Join(ctx, ref, id)
	}
	return a.refresher().Reject(ctx, ref, id)
}

// SeparateTransaction separates a transaction at one of its earlier ids.
func (a *App) SeparateTransaction(ctx context.Context, ref account.Ref, transaction, source string) error {
	if err := a.beginRefreshing(ctx); err != nil {
		return err
	}
	return a.refresher().Separate(ctx, ref, transaction, source)
}
