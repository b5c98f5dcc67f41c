// Both sides of the benchmark aggregate in one process: a project that is up, with a simulated institution.

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/flow"
	"bursar/internal/app"
	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/tools/bank"

	"go.temporal.io/sdk/client"
)

const (
	// aggregateLogins is how many accounts one login reaches.
	aggregateLogins = 100
	// aggregateSessions is how many sessions the institution allows at a time, and aggregateRequests how many requests a minute: it limits nothing here.
	aggregateSessions = 32
	aggregateRequests = 1_000_000
	// aggregateDays is the interval that one statement covers.
	aggregateDays = 30
	// aggregateInstitution is its name.
	aggregateInstitution = "bank"
)

// aggregating is a project that is up.
type aggregating struct {
	spec   childSpec
	bank   *bank.Bank
	app    *app.App
	client client.Client
	ended  chan *account.Account
}

func measureAggregate(ctx context.Context, spec childSpec) (f AggregateFigures, err error) {
	b, err := bank.Start(bank.Options{Seed: 1, Accounts: spec.Accounts, PerUser: aggregateLogins, Statements: spec.Statements})
	if err != nil {
		return f, err
	}
	defer b.Close()
	if err := writeFiles(spec.Dir, map[string]string{
		"bursar.yaml": "", "bank.pem": string(b.RootCA()),
		"institutions/" + aggregateInstitution + ".yaml": fmt.Sprintf("institution: %s\nconnector: {kind: ofx, url: %q, ca: bank.pem, bank_id: %q, days: %d}\n"+
			"limits: {requests: %d, per: 1m, sessions: %d, account_day: 100}\nrefresh: {every: 24h, since: %dh}\n", aggregateInstitution, b.URL(bank.OFX), bankID(b), aggregateDays,
			aggregateRequests, aggregateSessions, 24*(aggregateDays*spec.Statements-1)),
	}); err != nil {
		return f, err
	}
	a, err := app.Open(ctx, spec.Dir, "bench", discardLog)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	g := &aggregating{spec: spec, bank: b, app: a, ended: make(chan *account.Account, spec.Accounts)}
	err = whileUp(ctx, a, func(one *account.Account) { g.ended <- one }, func(ctx context.Context) (err error) {
		if g.client, err = a.TemporalClient(ctx); err != nil {
			return err
		}
		return g.measure(ctx, &f)
	})
	return f, err
}

// bankID returns the bank id of the institution, which cards do not have.
func bankID(b *bank.Bank) string {
	for _, one := range b.Accounts() {
		if one.BankID != "" {
			return one.BankID
		}
	}
	return ""
}

// whileUp calls do while a project is up.
func whileUp(ctx context.Context, a *app.App, refreshed func(*account.Account), do func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- a.Up(ctx, app.UpOptions{Listen: "127.0.0.1:0", Ready: func(app.Up) { close(ready) }, Hooks: app.Hooks{OnRefreshed: refreshed}})
	}()
	select {
	case <-ready:
	case err := <-ended:
		stop()
		return err
	}
	err := do(ctx)
	stop()
	return errors.Join(err, <-ended)
}

func (g *aggregating) measure(ctx context.Context, f *AggregateFigures) error {
	sides := []func(context.Context, *AggregateFigures) error{g.ours, g.yardstick}
	if g.spec.YardstickFirst {
		sides[0], sides[1] = sides[1], sides[0]
	}
	for _, side := range sides {
		if err := side(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// ours measures from when all accounts are due to when all of them are refreshed, and checks each against the books.
func (g *aggregating) ours(ctx context.Context, f *AggregateFigures) error {
	list, err := g.accounts()
	if err != nil {
		return err
	}
	cpu, writes := cpuSeconds(), g.changes()
	err = profiled(g.spec.Profile, func() error {
		f.Seconds, _, err = measure(func() error {
			if _, err := g.app.AddAccounts(ctx, list); err != nil {
				return err
			}
			return g.await(ctx, g.spec.Accounts)
		})
		return err
	})
	if err != nil {
		return err
	}
	f.CPU, f.Writes = cpuSeconds()-cpu, float64(g.changes()-writes)/float64(g.spec.Accounts)
	if f.PeakMemory, err = peakMemory(); err != nil {
		return err
	}
	f.Requests = float64(g.bank.Report().Requests) / float64(g.spec.Accounts)
	events, _, err := history(ctx, g.client, flow.AccountWorkflowID(list[0].Ref))
	if err != nil {
		return err
	}
	f.Events = float64(events)
	if err := g.check(ctx, f); err != nil {
		return err
	}
	return g.fresh(ctx, list, f)
}

// changes counts the transactions of the catalog.
func (g *aggregating) changes() uint64 {
	if c, is := g.app.Events.Catalog.(catalog.Counted); is {
		return c.Changes()
	}
	return 0
}

// accounts are those of the institution, with their credentials in the environment.
func (g *aggregating) accounts() (list []account.Account, err error) {
	for i, one := range g.bank.Accounts() {
		user := fmt.Sprintf("BENCH_%d", i/aggregateLogins)
		if i%aggregateLogins == 0 {
			if err := errors.Join(os.Setenv(user+"_USER", one.User), os.Setenv(user+"_PASSWORD", one.Password)); err != nil {
				return nil, err
			}
		}
		kind := map[string]string{"CHECKING": "checking:", "SAVINGS": "savings:", "CREDITCARD": "card:"}[one.Type]
		list = append(list, account.Account{
			Ref: account.Ref{Institution: aggregateInstitution, Account: kind + one.ID}, Currency: one.Currency,
			Credentials: map[string]string{"user": "env:" + user + "_USER", "password": "env:" + user + "_PASSWORD"},
		})
	}
	return list, nil
}

// await waits until so many refreshes have ended.
func (g *aggregating) await(ctx context.Context, count int) error {
	for range count {
		select {
		case one := <-g.ended:
			if one.Outcome != account.Complete {
				return fmt.Errorf("account %s: %s", one.Account, one.Reason)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// check compares every account with the books of the institution, and counts the events.
func (g *aggregating) check(ctx context.Context, f *AggregateFigures) error {
	err := g.app.Accounts().Each(ctx, aggregateInstitution, func(a *account.Account) error {
		_, number, _ := strings.Cut(a.Account, ":")
		truth := g.bank.Truth(number)
		if a.Outcome != account.Complete || a.Standing == nil || a.Standing.Balance != centsText(truth.Booked) || len(a.Documents) != g.spec.Statements {
			return fmt.Errorf("account %s is %s (%s) with %d statements and %+v, in the books it has %d cents", a.Account, a.Outcome, a.Reason, len(a.Documents), a.Standing, truth.Booked)
		}
		return nil
	})
	if err != nil {
		return err
	}
	batches, err := event.Batches(ctx, g.app.Events.Catalog, project.AccountTransactionStream, 0)
	for i := range batches {
		f.Transactions += batches[i].Rows
	}
	return err
}

// centsText writes cents as an amount.
func centsText(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}
