// The amount that is due for a card, as each protocol that states it.

package app

import (
	"testing"
	"time"

	"bursar/internal/tools/bank"
)

func TestDueAmountOfCards(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"ofx", "simplefin"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			a, b := openBank(t, bank.Options{Seed: 3, Accounts: 2})
			card := b.Accounts()[0]
			if card.Type != "CREDITCARD" || b.Accounts()[1].Type == "CREDITCARD" {
				t.Fatalf("the accounts are %+v", b.Accounts())
			}
			refs := addBankAccounts(t, a, b, protocol)
			for range 2 {
				one, other := mustRefresh(t, a, refs[0]), mustRefresh(t, a, refs[1])
				due := b.Truth(card.ID).Due
				if due == 0 || one.Standing.Due == "" || centsOf(t, one.Standing.Due) != due || other.Standing.Due != "" {
					t.Errorf("%q is due for the card and %q for the account; in the books %d cents", one.Standing.Due, other.Standing.Due, due)
				}
				b.Advance(32 * 24 * time.Hour) // another one is due in the next month
			}
		})
	}
}
