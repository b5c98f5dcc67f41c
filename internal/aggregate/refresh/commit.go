// What transactions become is fixed in the catalog, together with the cursor and the events that say so; the events are stored from there.

package refresh

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/project"
)

func documentKey(kind string, ref account.Ref) string {
	return "aggregate/" + kind + "/" + ref.Institution + "/" + url.PathEscape(ref.Account)
}

func entryPrefix(ref account.Ref) string { return documentKey("entry", ref) + "/" }

// outbox are events that are fixed, and may not be stored yet.
type outbox struct {
	Transactions []ledger.Version `json:"transactions,omitempty"`
	Balances     []balanceEvent   `json:"balances,omitempty"`
}

// balanceEvent is an event of the stream account_balances.
type balanceEvent struct {
	ledger.Stated
	Verdict ledger.Word `json:"verdict"`
	Reason  string      `json:"reason,omitempty"`
}

// commit applies changes to the ledger of an account once, in one transaction with their cursor, their events, and where the account is then.
func (r *Refresher) commit(ctx context.Context, ref account.Ref, refresh int, c *connector.Changes) error {
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error {
		return account.Judge(tx, ref, refresh, func(a *account.Account) (cursor string, standing *account.Standing, err error) {
			at := a.Begun // of the refresh: an update that is repeated makes the same events (rule 5)
			err = r.change(tx, ref, func(known []ledger.Entry, state ledger.State) (ledger.Result, error) {
				out, err := ledger.Apply(ledgerOf(a, c), known, state, c, at)
				if err == nil {
					standing = standingOf(ledgerOf(a, c).Currency, &out, known, c, at)
				}
				return out, err
			})
			return cmp.Or(c.Cursor, a.Fetched), standing, err
		})
	})
}

// change applies fn to the ledger of an account within a transaction.
func (r *Refresher) change(tx catalog.Tx, ref account.Ref, fn func(known []ledger.Entry, state ledger.State) (ledger.Result, error)) error {
	var state ledger.State
	if _, err := tx.Get(documentKey("ledger", ref), &state); err != nil {
		return err
	}
	known, err := catalog.All[ledger.Entry](tx, entryPrefix(ref), "")
	if err != nil {
		return err
	}
	out, err := fn(known, state)
	if err != nil {
		return err
	}
	for i := range out.Entries {
		if err := tx.Put(entryPrefix(ref)+out.Entries[i].ID, &out.Entries[i]); err != nil {
			return err
		}
	}
	if err := tx.Put(documentKey("ledger", ref), out.State); err != nil {
		return err
	}
	return putEvents(tx, ref, &out)
}

// putEvents adds the events of a result to the outbox.
func putEvents(tx catalog.Tx, ref account.Ref, out *ledger.Result) error {
	if len(out.Versions) == 0 && len(out.Balances) == 0 {
		return nil
	}
	var box outbox
	if _, err := tx.Get(documentKey("outbox", ref), &box); err != nil {
		return err
	}
	box.Transactions = append(box.Transactions, out.Versions...)
	for _, b := range out.Balances {
		v := verdictOf(out, b.Currency)
		box.Balances = append(box.Balances, balanceEvent{b, v.Word, v.Reason})
	}
	return tx.Put(documentKey("outbox", ref), box)
}

func verdictOf(out *ledger.Result, currency string) ledger.Verdict {
	for _, v := range out.Verdicts {
		if v.Currency == currency {
			return v
		}
	}
	return ledger.Verdict{Currency: currency, Word: ledger.Unknown, Reason: "nothing is known of this currency"}
}

// Deliver stores the events of decisions about an account that are recorded, and could not be stored. prepare is called first if there are any.
func (r *Refresher) Deliver(ctx context.Context, ref account.Ref, prepare func(ctx context.Context) error) error {
	found, err := catalog.Read(ctx, r.Catalog, func(tx catalog.Tx) (bool, error) { return tx.Get(documentKey("outbox", ref), &outbox{}) })
	if err != nil || !found {
		return err
	}
	if err := prepare(ctx); err != nil {
		return err
	}
	return r.deliver(ctx, ref)
}

// deliver stores the events of the outbox of an account, if there are any, and removes them from it. Events that are stored again count once (rule 1).
func (r *Refresher) deliver(ctx context.Context, ref account.Ref) error {
	box, err := catalog.Read(ctx, r.Catalog, func(tx catalog.Tx) (box *outbox, err error) {
		found, err := tx.Get(documentKey("outbox", ref), &box)
		if !found {
			box = nil
		}
		return box, err
	})
	if err != nil || box == nil {
		return err
	}
	storing, within := errgroup.WithContext(ctx)
	storing.Go(func() error { return store(within, r, project.AccountTransactionStream, box.Transactions) })
	storing.Go(func() error { return store(within, r, project.AccountBalanceStream, box.Balances) })
	if err := storing.Wait(); err != nil {
		return fmt.Errorf("store what is reported of %s: %w", ref, err)
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return removeEvents(tx, ref, box) })
}

// removeEvents removes events that are stored from the outbox. Others may have been added since they were read.
func removeEvents(tx catalog.Tx, ref account.Ref, stored *outbox) error {
	var box outbox
	if found, err := tx.Get(documentKey("outbox", ref), &box); err != nil || !found {
		return err
	}
	ids := map[string]bool{}
	for i := range stored.Transactions {
		ids[stored.Transactions[i].EventID] = true
	}
	for i := range stored.Balances {
		ids[stored.Balances[i].EventID] = true
	}
	box.Transactions = slices.DeleteFunc(box.Transactions, func(v ledger.Version) bool { return ids[v.EventID] })
	box.Balances = slices.DeleteFunc(box.Balances, func(b balanceEvent) bool { return ids[b.EventID] })
	if len(box.Transactions) == 0 && len(box.Balances) == 0 {
		return tx.Delete(documentKey("outbox", ref))
	}
	return tx.Put(documentKey("outbox", ref), box)
}

// maxLines bounds the events that are stored with one request, in bytes.
const maxLines = 4 << 20

// store stores events of a stream. None of them can be invalid: that would be a bug, and stops the account.
func store[T any](ctx context.Context, r *Refresher, stream string, events []T) error {
	var lines bytes.Buffer
	flush := func() error {
		if lines.Len() == 0 {
			return nil
		}
		quarantined, reason, err := r.Accept(ctx, stream, bytes.Clone(lines.Bytes()))
		if err == nil && quarantined > 0 {
			err = failure.Wrap(failure.Bug, fmt.Errorf("%d events of stream %s are in quarantine: %s", quarantined, stream, reason))
		}
		lines.Reset()
		return err
	}
	for i := range events {
		line, err := json.Marshal(&events[i])
		if err != nil {
			return err
		}
		lines.Write(append(line, '\n'))
		if lines.Len() >= maxLines {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// commitCursor keeps the cursor of a refresh that has fetched statement files of any accounts. While one of them cannot be read, the files are fetched
// again, and the account says which one it is, until that was removed or can be read.
func (r *Refresher) commitCursor(ctx context.Context, a *account.Account) error {
	if unread := refusals(a); a.Fetched == "" || unread != nil {
		return nil //nolint:nilerr // the refresh ends with it
	}
	return r.Catalog.Update(ctx, func(tx catalog.Tx) error { return account.Commit(tx, a.Ref, a.Refresh, a.Fetched) })
}

// standingOf returns where an account is with a result, in its own currency.
func standingOf(currency string, out *ledger.Result, known []ledger.Entry, c *connector.Changes, at time.Time) *account.Standing {
	v := verdictOf(out, currency)
	s := &account.Standing{Currency: currency, Verdict: string(v.Word), Reason: v.Reason, At: at, Partial: c.Partial, Warnings: c.Warnings}
	for _, w := range out.Warnings {
		s.Warnings = append(s.Warnings, w.Error())
	}
	for _, b := range out.State.Stated {
		if b.Currency != currency {
			continue
		}
		switch b.Kind {
		case connector.Booked:
			s.Balance, s.StatedAt = b.Amount, b.StatedAt
		case connector.Available:
			s.Available = b.Amount
		case connector.Due:
			s.Due = b.Amount
		}
	}
	posted, pending := sums(currency, out.Entries, known)
	s.Posted, s.Pending = posted.String(), pending.String()
	return s
}

// sums adds up the transactions of a currency: changed ones, and those of the known ones that did not change.
func sums(currency string, changed, known []ledger.Entry) (posted, pending statement.Sum) {
	isChanged := map[string]bool{}
	add := func(e *ledger.Entry) {
		switch {
		case e.Currency != currency:
		case e.Status == ledger.Posted:
			posted.Add(e.Amount)
		case e.Status == ledger.Pending:
			pending.Add(e.Amount)
		}
	}
	for i := range changed {
		isChanged[changed[i].ID] = true
		add(&changed[i])
	}
	for i := range known {
		if !isChanged[known[i].ID] {
			add(&known[i])
		}
	}
	return posted, pending
}
