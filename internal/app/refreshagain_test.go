// Refreshes of one account that follow each other at once.

package app

import (
	"testing"

	"bursar/internal/aggregate/account"
	"bursar/internal/tools/bank"
)

// TestRefreshAgainAtOnce: the workflow of a refresh may still be ending when the next one is asked for, which is executed nevertheless.
func TestRefreshAgainAtOnce(t *testing.T) {
	t.Parallel()
	a, b := openBank(t, bank.Options{Seed: 8, Accounts: 1})
	ref := addBankAccounts(t, a, b, "cursor")[0]
	ended := make(chan account.Account, 1)
	a.refresher().OnEnd = func(one *account.Account) { ended <- *one }
	for n := range 20 {
		begun, joined, err := a.Accounts().AskNow(t.Context(), ref, account.Rules{AccountDay: 1000})
		if err != nil || joined || begun.Refresh != n+1 {
			t.Fatalf("refresh %d: %+v, joined %v, %v", n+1, begun, joined, err)
		}
		if n == 0 {
			if err := a.beginRefreshing(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		starter, err := a.refreshStarter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.awaitRefresh(t.Context(), starter, account.Refresh{Ref: ref, Number: n + 1}, nil); err != nil {
			t.Fatal(err)
		}
		if one := <-ended; one.Refresh != n+1 || one.Outcome != account.Complete {
			t.Errorf("refresh %d ended %+v", n+1, one)
		}
	}
}
