// Measures how soon a balance can be read: accounts change at the institution one after another, at a steady rate.

package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/tools/bank"

	"golang.org/x/sync/errgroup"
)

// freshPercent is one part of a hundred: the 99th percentile leaves out as many of the latest balances.
const freshPercent = 100

// fresh changes an account at the institution so many times a second, has each refreshed at once, and measures until its new balance can be read.
func (g *aggregating) fresh(ctx context.Context, list []account.Account, f *AggregateFigures) error {
	if g.spec.Rate <= 0 {
		return nil
	}
	took := make([]float64, len(list))
	var mu sync.Mutex
	changing, within := errgroup.WithContext(ctx)
	pace := time.NewTicker(time.Duration(float64(time.Second) / g.spec.Rate))
	defer pace.Stop()
	began := time.Now()
	for i := range list {
		select {
		case <-pace.C:
		case <-within.Done():
			return changing.Wait()
		}
		changing.Go(func() error {
			seconds, err := g.readable(within, list[i].Ref)
			mu.Lock()
			defer mu.Unlock()
			took[i] = seconds
			return err
		})
	}
	f.FreshRate = float64(len(list)) / time.Since(began).Seconds()
	if err := changing.Wait(); err != nil {
		return err
	}
	slices.Sort(took)
	f.Fresh50, f.Fresh99 = took[len(took)/2], took[len(took)-1-len(took)/freshPercent]
	return nil
}

// readable books a transaction, and returns the seconds until the balance with it can be read.
func (g *aggregating) readable(ctx context.Context, ref account.Ref) (seconds float64, err error) {
	_, number, _ := strings.Cut(ref.Account, ":")
	began := time.Now()
	g.bank.Act(number, func(l *bank.Ledger) { l.Book(-1234) })
	one, _, err := g.app.RefreshAccount(ctx, ref, nil)
	if err != nil {
		return 0, err
	}
	seconds = time.Since(began).Seconds()
	if want := centsText(g.bank.Truth(number).Booked); one.Standing == nil || one.Standing.Balance != want {
		return 0, fmt.Errorf("account %s is %s (%s) with %+v, in the books it has %s", ref, one.Outcome, one.Reason, one.Standing, want)
	}
	return seconds, nil
}
