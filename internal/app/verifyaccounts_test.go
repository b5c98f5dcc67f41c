// Verification of accounts: ledgers against events, and the objects of running refreshes, with catalogs that were tampered with.

package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/catalog"
	"bursar/internal/event/feed"
	"bursar/internal/project"
	"bursar/internal/reconcile/verify"
	"bursar/internal/tools/bank"
)

// failedDetails verifies a project and returns name and detail of the checks that fail.
func failedDetails(t *testing.T, a *App) (failed []string) {
	t.Helper()
	out, err := a.VerifyProject(t.Context(), verify.Options{}, func(string, int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range out.Checks {
		if !c.OK {
			failed = append(failed, c.Name+": "+c.Detail)
		}
	}
	return failed
}

// TestVerifyAccounts verifies accounts after refreshes, reads the feed of their transactions, and finds what was tampered with.
func TestVerifyAccounts(t *testing.T) {
	t.Parallel()
	a, b := openBank(t, bank.Options{Seed: 7, Accounts: 2})
	refs := addBankAccounts(t, a, b, "simplefin")
	for range 2 {
		for _, ref := range refs {
			mustRefresh(t, a, ref)
		}
		b.Advance(36 * time.Hour)
	}
	if failed := failedDetails(t, a); failed != nil {
		t.Fatalf("after refreshes: %q", failed)
	}
	page, err := a.Feed(t.Context(), project.AccountTransactionStream, "", feed.Limit{Rows: 10_000, Bytes: 1 << 30})
	if err != nil || page.More || len(page.Events) == 0 || !strings.Contains(string(page.Events[0]), `"posted_change":"`) {
		t.Errorf("the feed has %+v, %v", page, err)
	}

	entries := keysOf(t, a, "aggregate/entry/simplefin/")
	for _, c := range []struct {
		tamper func(catalog.Tx) error
		want   string
	}{
		{changeEntry(entries[0], func(e *ledger.Entry) { e.Status = ledger.Vanished }), "transactions: account simplefin/"},
		{func(tx catalog.Tx) error { return tx.Delete(entries[len(entries)-1]) }, "transactions: account simplefin/"},
		{putOutbox(refs[0], "one more", "1.00"), fmt.Sprintf("account %s: the transactions exceed the stored events by -1.00 posted and 0.00 pending %s", refs[0], b.Accounts()[0].Currency)},
		{putOutbox(refs[0], eventIDOf(t, page.Events[0]), "1.00"), ""},
		{runWith(a, refs[0], "changes/00/missing"), "fetched: changes/00/missing, which the refresh of account " + refs[0].String() + " has fetched, is missing"},
	} {
		changed := map[string]json.RawMessage{}
		err := a.catalog.Update(t.Context(), func(tx catalog.Tx) error {
			clear(changed)
			return errors.Join(tx.List("aggregate/", func(key string, value json.RawMessage) error {
				changed[key] = append(json.RawMessage{}, value...)
				return nil
			}), c.tamper(tx))
		})
		if err != nil {
			t.Fatal(err)
		}
		failed := failedDetails(t, a)
		if c.want == "" && failed != nil || c.want != "" && (len(failed) != 1 || !strings.Contains(failed[0], c.want)) {
			t.Errorf("the checks that fail are %q, want %q", failed, c.want)
		}
		putBack(t, a, changed)
	}
	if failed := failedDetails(t, a); failed != nil {
		t.Errorf("when all is put back: %q", failed)
	}
}

// putBack makes the documents of accounts what they were.
func putBack(t *testing.T, a *App, documents map[string]json.RawMessage) {
	t.Helper()
	err := a.catalog.Update(t.Context(), func(tx catalog.Tx) error {
		for _, key := range keysOfTx(tx, "aggregate/") {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		for key, value := range documents {
			if err := tx.Put(key, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keysOfTx(tx catalog.Tx, prefix string) (keys []string) {
	_ = tx.List(prefix, func(key string, _ json.RawMessage) error {
		keys = append(keys, key)
		return nil
	})
	return keys
}

// changeEntry changes an entry of a ledger.
func changeEntry(key string, change func(*ledger.Entry)) func(catalog.Tx) error {
	return func(tx catalog.Tx) error {
		var e ledger.Entry
		_, err := tx.Get(key, &e)
		change(&e)
		return errors.Join(err, tx.Put(key, e))
	}
}

// putOutbox adds an event to the outbox of an account.
func putOutbox(ref account.Ref, id, change string) func(catalog.Tx) error {
	return func(tx catalog.Tx) error {
		for _, key := range keysOfTx(tx, "aggregate/entry/"+ref.Institution+"/") {
			if !strings.HasSuffix(strings.TrimSuffix(key, key[strings.LastIndexByte(key, '/'):]), "/"+ref.Account) {
				continue
			}
			var e ledger.Entry
			if _, err := tx.Get(key, &e); err != nil {
				return err
			}
			one := ledger.Version{EventID: id, Institution: ref.Institution, Account: ref.Account, Currency: e.Currency, PostedChange: change, PendingChange: "0.00"}
			return tx.Put("aggregate/outbox/"+ref.Institution+"/"+ref.Account, map[string]any{"transactions": []ledger.Version{one}})
		}
		return errors.New("the account has no transactions")
	}
}

func eventIDOf(t *testing.T, text []byte) string {
	t.Helper()
	var e struct{ ID string }
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	return e.ID
}

// runWith makes the refresh of an account one that has fetched an object.
func runWith(a *App, ref account.Ref, object string) func(catalog.Tx) error {
	return func(tx catalog.Tx) error {
		var one account.Account
		key := "aggregate/account/" + ref.Institution + "/" + ref.Account
		if _, err := tx.Get(key, &one); err != nil {
			return err
		}
		one.Running, one.State, one.Begun = true, account.Processing, a.refresher().Now()
		one.Documents = []account.Document{{Name: "changes", Object: object, Bytes: 7, Changes: true}}
		for _, due := range keysOfTx(tx, "aggregate/due/"+ref.Institution+"/") {
			if strings.HasSuffix(due, "/"+ref.Account) {
				if err := tx.Delete(due); err != nil {
					return err
				}
			}
		}
		return tx.Put(key, one)
	}
}
