// bursar account refresh: refreshes accounts now, and waits until that has ended.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/vault"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const (
	// refreshesAtOnce bounds the refreshes that a command waits for at a time. The institution's limits decide how many of them begin.
	refreshesAtOnce = 32
	// followedAccounts is up to how many accounts each step is printed.
	followedAccounts = 5
)

func (c *cli) accountRefreshCommand() *cobra.Command {
	institution := ""
	cmd := &cobra.Command{
		Use:   "refresh [INSTITUTION/ID…]",
		Short: "Refresh accounts now, and wait until that has ended",
		Long: `Refreshes accounts, or with --institution all of one: visits the institution as its limits allow, stores what it delivers, and
judges it. A refresh that runs already is joined. While ` + "`bursar up`" + ` runs, it and the workers do the work. Each refresh is one of
those that the institution's limits account_day and day allow.

If the institution asks a question, such as a one-time password, the refresh waits for the answer: on a terminal the command
asks for it, else ` + "`bursar account answer`" + ` gives it. Without ` + "`bursar up`" + `, a refresh that waits for a person is left, and the next
one of the account goes on with it.

The exit code is 1 if a refresh fails, and 4 if none fails and the transactions of an account do not sum to the balance that its
institution states. Ctrl-C ends the waiting, not refreshes that ` + "`bursar up`" + ` does.`,
		Example: `  bursar account refresh acme/checking:42
  bursar account refresh acme/checking:42 bridge/ACT-7
  bursar account refresh --institution acme --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == (institution == "") {
				return usagef("name accounts, or an institution with --institution")
			}
			refs := make([]account.Ref, len(args))
			for i, text := range args {
				var err error
				if refs[i], err = parseAccount(text); err != nil {
					return err
				}
			}
			return c.open(cmd, func(ctx context.Context, a *app.App) (err error) {
				if institution != "" {
					if refs, err = accountRefs(ctx, a, institution); err != nil {
						return err
					}
				}
				return c.refreshAccounts(ctx, a, refs)
			})
		},
	}
	cmd.Flags().StringVar(&institution, "institution", "", "all accounts of this institution")
	return cmd
}

func accountRefs(ctx context.Context, a *app.App, institution string) (refs []account.Ref, err error) {
	if _, err := findInstitution(a, institution); err != nil {
		return nil, err
	}
	err = a.Accounts().Each(ctx, institution, func(one *account.Account) error {
		refs = append(refs, one.Ref)
		return nil
	})
	if err == nil && len(refs) == 0 {
		err = withHint(failure.Wrap(failure.Data, fmt.Errorf("institution %s has no accounts", institution)), "`bursar account add %s --all --credential …` adds those that the credentials reach", institution)
	}
	return refs, err
}

// refreshed is what became of the refresh of an account, in the output of --json.
type refreshed struct {
	placed
	Outcome  account.Outcome `json:"outcome,omitempty"`
	Joined   bool            `json:"joined"`
	Requests int             `json:"requests"`
	Took     float64         `json:"seconds"`
	Error    string          `json:"error,omitempty"`

	err error
}

// errWaitsForPerson ends the waiting for a refresh that nothing works on any more.
var errWaitsForPerson = failure.Wrap(failure.Data, errors.New("the refresh waits for a person"))

// refreshing is one call of the command.
type refreshing struct {
	*cli
	app    *app.App
	follow bool         // print each step
	bar    *progressBar // nil: none

	mu    sync.Mutex
	ended int
	said  map[account.Ref]string
}

func (c *cli) refreshAccounts(ctx context.Context, a *app.App, refs []account.Ref) error {
	r := &refreshing{cli: c, app: a, follow: len(refs) <= followedAccounts && !c.json, said: map[account.Ref]string{}}
	if !r.follow && !c.json {
		r.bar = c.meter("accounts", "accounts", int64(len(refs)))
		defer r.bar.done()
	}
	list := make([]refreshed, len(refs))
	free := make(chan struct{}, refreshesAtOnce)
	var group sync.WaitGroup
	for i, ref := range refs {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			list[i] = r.one(ctx, ref, len(refs) == 1)
		})
	}
	group.Wait()
	switch {
	case ctx.Err() != nil:
		return &interruptedError{ctx.Err(), "refreshes that have begun go on while `bursar up` runs; `bursar account status` shows where they are"}
	case len(list) == 1 && list[0].err != nil && list[0].Place == "":
		return list[0].err // nothing was begun
	}
	return errors.Join(c.printRefreshed(list), refreshErrors(list))
}

// one refreshes an account.
func (r *refreshing) one(ctx context.Context, ref account.Ref, alone bool) refreshed {
	waiting, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	begun := time.Now()
	one, joined, err := r.app.RefreshAccount(waiting, ref, func(now *account.Account) { r.look(waiting, now, alone, leave) })
	out := refreshed{placed: placed{Ref: ref}, Joined: joined, err: err}
	if context.Cause(waiting) == errWaitsForPerson { //nolint:errorlint // it is this one
		out.err = nil
	}
	if one != nil {
		out.placed, out.Outcome, out.Requests, out.Took = placedOf(one), one.Outcome, one.Requests, time.Since(begun).Seconds()
	}
	if out.err == nil && out.Place != donePlace {
		out.err = refreshError(one)
	}
	if out.err != nil {
		out.Error = out.err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended++; r.bar != nil {
		r.bar.set(int64(r.ended))
	}
	return out
}

// look shows a step of a refresh. If it waits for a person, it asks, says what to do, or leaves.
func (r *refreshing) look(ctx context.Context, now *account.Account, alone bool, leave context.CancelCauseFunc) {
	p := placeOf(now)
	waits := (p == asksPlace && now.Answer == "" || p == credentialsPlace) && now.Running
	if now.Running && (r.follow || waits && !r.json) {
		r.say(now, waits)
	}
	if !waits || r.isServed(r.app) {
		return
	}
	if p == asksPlace && alone && r.isInteractive() {
		if err := r.ask(ctx, now); err == nil {
			return
		}
	}
	leave(errWaitsForPerson)
}

// say prints where an account is, if that was not printed before.
func (r *refreshing) say(now *account.Account, waits bool) {
	text := describeWhere(now)
	if why := describeWhy(now); why != "" && now.State == account.Waiting {
		text += ": " + why
	}
	if waits && r.isServed(r.app) {
		text += "; next: " + nextStep(now)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said[now.Ref] != text {
		r.said[now.Ref] = text
		fmt.Fprintf(r.err, "%s: %s\n", printable(now.String()), printable(text))
	}
}

// isInteractive reports whether a person can be asked.
func (r *refreshing) isInteractive() bool {
	in, ok := r.in.(*os.File)
	return ok && term.IsTerminal(int(in.Fd())) && !r.json
}

// ask asks the person at the terminal for the answer to an institution's question.
func (r *refreshing) ask(ctx context.Context, now *account.Account) error {
	answer, err := r.readValue(ctx, "the answer")
	if err != nil || len(answer) == 0 {
		return errors.Join(err, errWaitsForPerson)
	}
	return r.app.AnswerAccount(ctx, now.Ref, vault.NewSecret(string(answer)))
}

// accountError is the error of an account that was not refreshed completely.
type accountError struct {
	text  string
	class failure.Class
}

func (e *accountError) Error() string { return e.text }

// Class is that of the failure.
func (e *accountError) Class() failure.Class { return e.class }

// refreshError returns why an account is not refreshed, with the next step.
func refreshError(one *account.Account) error {
	class, ok := failure.Parse(one.Class)
	if !ok {
		class = failure.Data
	}
	text := fmt.Sprintf("account %s: %s", one.Ref, describeWhere(one))
	if one.Reason != "" && placeOf(one) != asksPlace {
		text += ": " + one.Reason
	}
	err := &accountError{text, class}
	switch placeOf(one) {
	case asksPlace, credentialsPlace:
		return withHint(err, "`%s`, then `bursar account refresh %s` goes on", nextStep(one), shellWord(one.String()))
	case failedPlace, fetchingPlace, processingPlace, waitingPlace, newPlace, donePlace:
	}
	return withHint(err, "`bursar account show %s` says more", shellWord(one.String()))
}

// refreshErrors returns the error of accounts of which some are not refreshed.
func refreshErrors(list []refreshed) error {
	var first error
	failed := 0
	for i := range list {
		if list[i].err == nil {
			continue
		}
		if failed++; first == nil {
			first = list[i].err
		}
	}
	switch {
	case failed == 0:
		return brokenBalances(list)
	case len(list) == 1:
		return first
	}
	text := fmt.Sprintf("%s of %s are not refreshed, the first because: %v", formatCount(failed), plural(len(list), "account", "accounts"), first)
	return withHint(&accountError{text, failure.Of(first)}, "`bursar account status` lists them with what to do")
}

// brokenBalances returns an error if the transactions of accounts do not sum to the balances that their institutions state (rule 4).
func brokenBalances(list []refreshed) error {
	broken := 0
	for i := range list {
		if list[i].Verdict == string(ledger.Broken) {
			broken++
		}
	}
	if broken == 0 {
		return nil
	}
	return withHint(&unbalancedError{error: errors.New(plural(broken, "balance is", "balances are") + " BROKEN")}, "`bursar account show` has the transactions, to compare with those of the institution")
}

func (c *cli) printRefreshed(list []refreshed) error {
	failed := 0
	for i := range list {
		if list[i].err != nil {
			failed++
		}
	}
	return c.result(map[string]any{"accounts": list, "failed": failed}, func(w io.Writer) {
		g := newGrid("account", "where", "balance", "currency", "verdict", "took", "requests", "joined", "why").wrap("why")
		for _, isFailed := range []bool{true, false} {
			for i := range list {
				if o := &list[i]; (o.err != nil) == isFailed && len(g.rows) < shownAccounts {
					g.add(o.String(), o.Where, formatBalance(o.Balance, o.Currency), orNoValue(o.Currency), orNoValue(o.Verdict),
						project.FormatTime(time.Duration(o.Took*float64(time.Second)).Round(time.Millisecond)), formatCount(o.Requests), orNoValue(map[bool]string{true: "yes"}[o.Joined]), shorten(o.Why))
				}
			}
		}
		g.print(w, width(c.out))
		printRest(w, len(list)-len(g.rows), "`bursar account status` has all")
	})
}
