// Verification of accounts that are fetched: their records, the objects of running refreshes, and their transactions against the stored events.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/aggregate/refresh"
	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/job/record"
	"bursar/internal/project"
	"bursar/internal/reconcile"
)

// checkAccounts checks all accounts. A project that never had one has nothing to check.
func (v *projectVerification) checkAccounts(ctx context.Context) error {
	var faults, lost record.Faults
	count, found, err := v.Accounts().Verify(ctx)
	if err != nil {
		return err
	}
	for _, fault := range found {
		faults.Add("%s", fault)
	}
	if count > 0 || faults.Err() != nil {
		c := newCheck("accounts", "")
		c.Remedy = "" // the errors name it
		v.add(c, reconcile.Plural(count, "account")+": each is listed and counted as its record says", faults.Err())
	}
	fetched, err := v.checkFetched(ctx, &lost)
	if err != nil {
		return err
	}
	if fetched > 0 {
		c := newCheck("fetched", "")
		c.Remedy = restoreRemedy
		v.add(c, reconcile.Plural(fetched, "object")+" of running refreshes: each is there, as long as it was", lost.Err())
	}
	return v.checkLedgers(ctx)
}

// checkFetched looks for the objects that running refreshes have fetched and not processed yet.
func (v *projectVerification) checkFetched(ctx context.Context, lost *record.Faults) (objects int, err error) {
	err = v.Accounts().Each(ctx, "", func(a *account.Account) error {
		for i := range a.Documents {
			d := &a.Documents[i]
			if !a.Running || d.Done {
				continue
			}
			objects++
			switch size, err := v.objectSize(ctx, d.Object); {
			case errors.Is(err, fs.ErrNotExist):
				lost.Add("%s, which the refresh of account %s has fetched, is missing", d.Object, a)
			case err != nil:
				return err
			case size != d.Bytes:
				lost.Add("%s, which the refresh of account %s has fetched, has %d bytes, not %d", d.Object, a, size, d.Bytes)
			}
		}
		return nil
	})
	return objects, err
}

func (a *App) objectSize(ctx context.Context, name string) (int64, error) {
	r, err := a.Engine.Objects.Open(ctx, name)
	if err != nil {
		return 0, err
	}
	return r.Size(), r.Close()
}

const (
	// ledgerLooks is how often ledgers that differ from the events are compared again while events may be on their way.
	ledgerLooks = 5
	// ledgerPause is the time between, in which most streams are sealed.
	ledgerPause = time.Second
)

// ledgerLook is one comparison of the ledgers with the events.
type ledgerLook struct {
	ledgers   int
	different map[refresh.LedgerKey]refresh.LedgerSums // by how much the transactions exceed the events
	isSettled bool                                     // no event is accepted and not sealed
}

// checkLedgers checks of each account that its transactions, without what is still to be stored of them, add up to what the events change the sums
// by. Events that are accepted and not sealed are in neither. So while there are some, only a difference that stays is a fault.
func (v *projectVerification) checkLedgers(ctx context.Context) error {
	if v.Project.Stream(project.AccountTransactionStream) == nil {
		return nil // no institution is declared any more
	}
	look, err := v.compareLedgers(ctx)
	for n := 1; err == nil && n < ledgerLooks && len(look.different) > 0 && !look.isSettled; n++ {
		pause(ctx, ledgerPause)
		before := look.different
		if look, err = v.compareLedgers(ctx); err == nil {
			maps.DeleteFunc(look.different, func(k refresh.LedgerKey, d refresh.LedgerSums) bool { return before[k] != d })
		}
	}
	c := newCheck("transactions", project.AccountTransactionStream)
	c.Remedy = restoreRemedy
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // such as a missing object of the stream
		v.add(c, "", err)
		return nil
	case look.ledgers == 0 && len(look.different) == 0:
		return nil
	}
	var faults record.Faults
	for _, k := range slices.SortedFunc(maps.Keys(look.different), compareLedgerKeys) {
		d := look.different[k]
		faults.Add("account %s: the transactions exceed the stored events by %s posted and %s pending %s", k.Ref, d.Posted, d.Pending, k.Currency)
	}
	v.add(c, reconcile.Plural(look.ledgers, "ledger")+": each adds up to what its events change it by", faults.Err())
	return nil
}

func compareLedgerKeys(a, b refresh.LedgerKey) int {
	return strings.Compare(a.String()+a.Currency, b.String()+b.Currency)
}

// compareLedgers compares the ledgers of one state of the catalog with the events that were sealed then.
func (v *projectVerification) compareLedgers(ctx context.Context) (look ledgerLook, err error) {
	var waiting map[string]*ledger.Version // by the id of the event
	var state event.StreamState
	err = v.catalog.View(ctx, func(tx catalog.Tx) (err error) {
		waiting = map[string]*ledger.Version{}
		if state, err = event.GetState(tx, project.AccountTransactionStream); err != nil {
			return err
		}
		look.different, err = refresh.Ledgers(tx, func(one *ledger.Version) { waiting[one.EventID] = one })
		return err
	})
	if err != nil {
		return look, fmt.Errorf("read ledgers: %w", err)
	}
	look.ledgers, look.isSettled = len(look.different), state.Opened <= state.Spools
	subtract := func(k refresh.LedgerKey, s refresh.LedgerSums) { look.different[k] = look.different[k].Minus(s) }
	if err := v.sumLedgerEvents(ctx, state.Batches, waiting, subtract); err != nil {
		return look, err
	}
	for _, one := range waiting { // and not stored
		subtract(refresh.SumsOf(one))
	}
	maps.DeleteFunc(look.different, func(_ refresh.LedgerKey, d refresh.LedgerSums) bool { return d.IsZero() })
	return look, nil
}

// sumLedgerEvents calls add with the sums of the events of the first batches, also of retracted ones, and removes the stored events from waiting.
func (v *projectVerification) sumLedgerEvents(ctx context.Context, last uint64, waiting map[string]*ledger.Version, add func(refresh.LedgerKey, refresh.LedgerSums)) error {
	if last == 0 {
		return nil
	}
	s := v.Project.Stream(project.AccountTransactionStream)
	var batches []event.Batch
	if err := v.Events.EachBatch(ctx, s.Name, last, func(b event.Batch) error { batches = append(batches, b); return nil }); err != nil {
		return err
	}
	return v.Events.WithEvents(ctx, s, batches, func(session *duck.Session, events string) error {
		sql := "SELECT institution, account, currency, sum(posted_change), sum(pending_change) FROM (" + events + ") GROUP BY ALL"
		err := session.Query(ctx, sql, func(rows []column.Vector) error {
			text := func(c, n int) string { return string(rows[c].AppendPlain(nil, n)) }
			for n := range rows[0].Len() {
				k, sums := refresh.SumsOf(&ledger.Version{Institution: text(0, n), Account: text(1, n), Currency: text(2, n), PostedChange: text(3, n), PendingChange: text(4, n)})
				add(k, sums)
			}
			return nil
		})
		if err != nil || len(waiting) == 0 {
			return err
		}
		return session.Query(ctx, "SELECT id FROM ("+events+")", func(rows []column.Vector) error {
			for n := range rows[0].Len() {
				delete(waiting, string(rows[0].Text(n)))
			}
			return nil
		})
	})
}
