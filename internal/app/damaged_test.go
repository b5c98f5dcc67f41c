// Statements that an institution has shortened, doubled or altered: the verdicts name exactly these accounts.

package app

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/completeness"
	"bursar/internal/tools/bank"
)

// TestDamagedStatements damages accounts after the first fetch. Balances are those of now, whatever days are asked for.
func TestDamagedStatements(t *testing.T) {
	t.Parallel()
	for _, days := range []int{10, 31} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			a, b := openBankWith(t, bank.Options{Seed: 11, Accounts: 7, Activity: bank.Activity{PerMonth: 45}}, days, nil)
			refs := addBankAccounts(t, a, b, "ofx")
			damage := []bank.DamageKind{bank.Undamaged, bank.Shortened, bank.Doubled, bank.Altered, bank.WrongBalance}
			refreshes := func() (broken map[string]bool) {
				broken = map[string]bool{}
				list := make([]*account.Account, len(refs))
				var all errgroup.Group // their files are imported together
				for i, ref := range refs {
					all.Go(func() (err error) {
						list[i], _, err = a.RefreshAccount(t.Context(), ref, nil)
						return err
					})
				}
				if err := all.Wait(); err != nil {
					t.Fatal(err)
				}
				for i, one := range list {
					if one.Outcome != account.Complete {
						t.Fatalf("%s: %s", one.Ref, one.Reason)
					}
					if one.Standing.Verdict == "BROKEN" {
						broken[b.Accounts()[i].ID] = true
					}
				}
				return broken
			}
			want := map[string]bool{}
			check := func(step string, got map[string]bool) {
				t.Helper()
				if !maps.Equal(got, want) {
					t.Errorf("%s: the refreshes find %v BROKEN, want %v", step, got, want)
				}
				if found := brokenAccounts(t, a); !maps.Equal(found, want) {
					t.Errorf("%s: the statements of %v are BROKEN, want %v", step, found, want)
				}
			}
			check("the first fetch", refreshes())
			b.Advance(3 * 24 * time.Hour)
			check("the second fetch", refreshes())
			for i, kind := range damage {
				if kind != bank.Undamaged {
					b.Damage(b.Accounts()[i].ID, kind)
					want[b.Accounts()[i].ID] = true
				}
			}
			b.Advance(3 * 24 * time.Hour)
			for _, d := range b.Damaged() {
				if d.Number == 0 {
					t.Fatalf("nothing was damaged: %+v", d)
				}
			}
			check("damaged", refreshes())
		})
	}
}

// brokenAccounts are the accounts with a BROKEN interval.
func brokenAccounts(t *testing.T, a *App) map[string]bool {
	t.Helper()
	broken := map[string]bool{}
	_, err := a.Completeness(t.Context(), completeness.Query{}, func(one completeness.Account) error {
		for _, i := range one.Intervals {
			if i.State == completeness.Broken {
				broken[one.Account] = true
				t.Logf("%s %s to %s: %s", one.Account, i.From, i.To, i.Reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return broken
}
