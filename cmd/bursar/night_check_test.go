//go:build linux

// What is proven of a night: by the books of the institutions, by their own counts, and by the events that are stored.

package main

import (
	"bufio"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"
	"bursar/internal/tools/bank"
)

// mustBe lets an institution work, or be down.
func (b *nightBank) mustBe(t *testing.T, up bool) {
	t.Helper()
	outage := bank.Unavailable
	if up {
		outage = bank.None
	}
	if err := b.Outage(outage); err != nil {
		t.Fatal(err)
	}
}

func (n *night) isFine(institution string) bool { return institution != hopeless }

// complete counts the accounts that were read completely.
func (n *night) complete() (count int) {
	n.t.Helper()
	for _, p := range n.look() {
		if !p.succeeded.IsZero() {
			count++
		}
	}
	return count
}

// advance lets a day and a half pass for the books, and returns the time after which accounts are to be read again.
func (n *night) advance() time.Time {
	for _, b := range n.banks {
		b.Advance(36 * time.Hour)
	}
	return time.Now()
}

// ask has people ask for all accounts of the institutions that work, and wait.
func (n *night) ask() *sync.WaitGroup {
	var asking sync.WaitGroup
	for _, b := range n.banks {
		if n.isFine(b.name) {
			asking.Go(func() { // its exit code is 1 if one of them fails
				got := bursar(n.t, "account", "refresh", "--institution", b.name, "--json", "--project", n.commands)
				if got.out == "" {
					n.t.Errorf("refresh %s: %d %s", b.name, got.code, got.err)
				}
			})
		}
	}
	return &asking
}

// breaker is the state of the breaker of an institution; unknown if the program cannot say.
func (n *night) breaker(institution string) string {
	n.t.Helper()
	got := bursar(n.t, "institution", "list", "--json", "--project", n.commands)
	if got.code != 0 {
		return "unknown"
	}
	for _, one := range listIn(n.t, value(n.t, got), "institutions") {
		if v := object(n.t, one); words(v, "institution") == institution {
			if b, isOpen := v["breaker"].(map[string]any); isOpen {
				return words(b, "state")
			}
			return "closed"
		}
	}
	return "unknown"
}

// breakerGrace is how long a visit may take that tries whether an institution works again, and the decision to try.
const breakerGrace = 20 * time.Second

// recover expects the breaker of the hopeless institution to be open, lets the institution work again, and expects the breaker to close after the
// longest wait, and its accounts to be read.
func (n *night) recover(since time.Time) {
	n.t.Helper()
	b := n.bank(hopeless)
	until(n.t, "the breaker is open", n.limit, func() bool { return n.breaker(hopeless) == "open" })
	requests := b.Report().Requests
	n.t.Logf("the institution that is down had %d requests", requests)
	b.mustBe(n.t, true)
	took := until(n.t, "the breaker closes", n.limit, func() bool { return n.breaker(hopeless) == "closed" })
	n.t.Logf("the breaker has closed after %s", took.Round(time.Millisecond))
	if most := nightLongest + breakerGrace; took > most {
		n.t.Errorf("the breaker closes after %s, want at most %s", took, most)
	}
	n.await("everything is read", since, func(string) bool { return true })
}

// check compares events and records with the books, and the institutions' counts with their limits.
func (n *night) check() {
	n.t.Helper()
	must(n.t, 0, "run", "--project", n.commands)
	must(n.t, 0, "verify", "--project", n.commands)
	n.checkLimits()
	sums, counts := n.stored()
	damaged := map[string]bool{}
	for _, b := range n.banks {
		for _, d := range b.Damaged() {
			damaged[b.name+"/"+d.Account] = d.Number != 0
		}
	}
	outcomes := map[string]int{}
	n.withApp(func(a *app.App) error {
		return a.Accounts().Each(n.t.Context(), "", func(one *account.Account) error {
			outcomes[string(one.Outcome)]++
			if one.Running && one.Outcome != account.Complete || one.Outcome == account.Failed && (one.Reason == "" || one.Class == "") {
				n.t.Errorf("account %s is %s: %s %q", one.Ref, one.State, one.Outcome, one.Reason)
			}
			b, in := n.book(one.Institution, one.Account)
			if one.Outcome != account.Complete {
				n.t.Logf("account %s: %s", one.Ref, one.Reason)
				return nil
			}
			if damaged[b.name+"/"+in.ID] {
				return nil
			}
			if one.Standing.Partial { // the reason of the verdict
				n.t.Logf("account %s is %s: %s", one.Ref, one.Standing.Verdict, one.Standing.Reason)
				return nil
			}
			n.compare(one, b.Truth(in.ID), sums[one.Ref], counts[one.Ref])
			return nil
		})
	})
	n.t.Logf("outcomes %v; %d damaged; %d questions answered, %d passwords renewed", outcomes, len(damaged), len(n.answered), len(n.renewed))
}

func (n *night) compare(one *account.Account, truth bank.Truth, sum *big.Rat, count int) {
	n.t.Helper()
	var cents int64
	for _, e := range truth.Posted {
		cents += e.Cents
	}
	if want := big.NewRat(cents, 100); sum == nil || sum.Cmp(want) != 0 || count != len(truth.Posted) {
		n.t.Errorf("account %s has %d transactions of %v, in the books %d of %s: %s %s", one.Ref, count, sum, len(truth.Posted), want.FloatString(2),
			one.Standing.Verdict, one.Standing.Reason)
	}
	if balance, _ := new(big.Rat).SetString(one.Standing.Balance); balance == nil || balance.Cmp(big.NewRat(truth.Booked, 100)) != 0 {
		n.t.Errorf("account %s has the balance %s, in the books %d cents", one.Ref, one.Standing.Balance, truth.Booked)
	}
}

// stored returns the sum of what is posted, and the number of transactions that are, by account, as pipelines compute them from the events.
func (n *night) stored() (sums map[account.Ref]*big.Rat, counts map[account.Ref]int) {
	n.t.Helper()
	sums, counts = map[account.Ref]*big.Rat{}, map[account.Ref]int{}
	n.export("accounts", func(ref account.Ref, posted *big.Rat) { sums[ref] = posted })
	n.export("transactions", func(ref account.Ref, posted *big.Rat) {
		if posted.Sign() != 0 {
			counts[ref]++
		}
	})
	return sums, counts
}

func (n *night) export(pipeline string, add func(ref account.Ref, posted *big.Rat)) {
	n.t.Helper()
	path := filepath.Join(n.t.TempDir(), pipeline+".jsonl")
	must(n.t, 0, "export", pipeline, "--to", path, "--project", n.commands)
	in, err := os.Open(path)
	if err != nil {
		n.t.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var row struct {
			Key      []string
			Artifact struct{ Posted string }
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			n.t.Fatal(err)
		}
		posted, ok := new(big.Rat).SetString(row.Artifact.Posted)
		if !ok || len(row.Key) < 3 {
			n.t.Fatalf("%s has the row %s", pipeline, lines.Text())
		}
		add(account.Ref{Institution: row.Key[0], Account: row.Key[1]}, posted)
	}
	if err := lines.Err(); err != nil {
		n.t.Fatal(err)
	}
}

// checkLimits reads what the institutions have counted.
func (n *night) checkLimits() {
	n.t.Helper()
	for _, b := range n.banks {
		r := b.Report()
		n.t.Logf("%s: %d requests, at most %d a minute, %d at a time; %d logins; faults %v", b.name, r.Requests, r.MostInWindow, r.MostConcurrent, r.Logins, r.Faults)
		if r.Violations != 0 || r.DuringRetryAfter != 0 || r.LoginsWhileLocked != 0 || r.UnreadableRequests != 0 {
			n.t.Errorf("%s counts %d violations of its limit, %d requests during Retry-After, %d logins of users who are locked out, %d unreadable requests",
				b.name, r.Violations, r.DuringRetryAfter, r.LoginsWhileLocked, r.UnreadableRequests)
		}
	}
}
