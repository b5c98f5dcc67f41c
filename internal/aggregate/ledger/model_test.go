// Tests the ledger against banks whose truth is known.

package ledger

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"bursar/internal/aggregate/format/statement"
)

// seeds is how many banks of each style are tried.
func seeds() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 32); err == nil {
		return 15 + n
	}
	return 15
}

func TestBanks(t *testing.T) {
	t.Parallel()
	for _, style := range bankStyles {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			count := map[string]int{}
			for seed := range seeds() {
				testBank(t, style, seed, count)
			}
			t.Log(count)
		})
	}
}

// testBank compares the ledger with the truth after each of many reports, once a person who knows the truth has decided what is suggested.
func testBank(t *testing.T, style bankStyle, seed uint64, count map[string]int) {
	t.Helper()
	b, f := newBank(style, seed), newFixture(t)
	for n := range 25 {
		if n > 0 {
			b.passDays()
		}
		c := b.report()
		isHasty := style.hasty && n > 0 && b.IntN(4) == 0
		if isHasty { // a payment that is posted after the list was read
			b.pay(b.today)
			c.Balances[0].Amount = centsOf(b.balance())
		}
		at := fmt.Sprintf("seed %d, report %d", seed, n+1)
		f.apply(c)
		word := f.verdict("EUR")
		count[word]++
		if word == "BROKEN" && !isHasty || word == "PROVEN" && len(c.Balances) == 0 {
			t.Fatalf("%s: %+v", at, f.last.Verdicts)
		}
		if isHasty {
			continue
		}
		if word == "PROVEN" && f.posted() != b.known(n) {
			t.Fatalf("%s: posted transactions are proven and sum to %s instead of %s", at, f.posted(), b.known(n))
		}
		count["suggestions"] += len(f.state.Open)
		f.decideAll(b)
		if n == 0 && style.backfills {
			continue
		}
		if got, want := found(f.entries, Posted), b.truth(true, nil); !maps.Equal(got, want) {
			t.Fatalf("%s (%s):\n got %v\nwant %v\n%s", at, word, got, want, f.describe())
		}
		if got, want := found(f.entries, Pending), b.truth(false, f.concluded()); (style.complete || style.removes && style.links) && !maps.Equal(got, want) {
			t.Fatalf("%s, pending:\n got %v\nwant %v\n%s", at, got, want, f.describe())
		}
	}
}

// known is the sum of the posted payments that the bank has reported.
func (b *bank) known(report int) string {
	sum := b.balance() - b.opening
	if report == 0 && b.backfills {
		return "unknown"
	}
	return sumOf(centsOf(sum)).String()
}

// posted is the sum of all changes of posted transactions.
func (f *fixture) posted() string {
	var sum statement.Sum
	for _, v := range f.versions {
		sum = sum.Plus(sumOf(v.PostedChange))
	}
	return sum.String()
}

// concluded are the ids of pending transactions that an equal posted one was taken for. That may be wrong while they are still pending, and where
// it is, the next report of them separates the two.
func (f *fixture) concluded() map[string]bool {
	ids := map[string]bool{}
	for _, e := range f.entries {
		for _, a := range e.Aliases {
			if a.Status == Pending && a.By == ByContent {
				ids[a.Source] = true
			}
		}
	}
	return ids
}

// decideAll decides about suggestions as the bank knows it.
func (f *fixture) decideAll(b *bank) {
	f.t.Helper()
	for len(f.state.Open) > 0 {
		s := f.state.Open[0]
		if slices.Contains(f.entries[s.Older].owners(b), f.entries[s.Newer].owners(b)[0]) {
			f.decide(Accept, s.ID)
		} else {
			f.decide(Reject, s.ID)
		}
	}
}

// owners are the numbers of the payments that had the ids of an entry.
func (e Entry) owners(b *bank) (list []int) {
	for _, id := range e.sourceIDs() {
		list = append(list, b.owners[id])
	}
	return list
}
