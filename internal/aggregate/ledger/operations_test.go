// Tests of what every operation must do: whatever the order, the size and the input.

package ledger

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

// TestOrderDoesNotMatter lists the same changes in many orders.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		b, f := newBank(bankStyles[seed%uint64(len(bankStyles))], seed), newFixture(t)
		for range 10 {
			c := b.report()
			first := ""
			for try := range 4 {
				b.Shuffle(len(c.Transactions), func(i, j int) { c.Transactions[i], c.Transactions[j] = c.Transactions[j], c.Transactions[i] })
				b.Shuffle(len(c.Removed), func(i, j int) { c.Removed[i], c.Removed[j] = c.Removed[j], c.Removed[i] })
				r, err := Apply(checking, f.known(), f.state, c, f.clock)
				if err != nil {
					t.Fatal(err)
				}
				result := fmt.Sprintf("%+v", r)
				if try > 0 && result != first {
					t.Fatalf("seed %d: another order has another result:\n%s\n%s", seed, first, result)
				}
				first = result
			}
			f.apply(c)
			b.passDays()
		}
	}
}

// TestUndoAtRandom separates and decides at random, which breaks no sum, and which the next report does not repeat.
func TestUndoAtRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		b, f := newBank(bankStyles[seed%uint64(len(bankStyles))], seed), newFixture(t)
		for range 15 {
			f.apply(b.report())
			for _, s := range slices.Clone(f.state.Open) {
				if f.state.find(s.ID) >= 0 && b.IntN(2) == 0 {
					f.decide(Accept, s.ID)
				}
			}
			f.undoAtRandom(b.Rand)
			b.passDays()
		}
	}
}

func (f *fixture) undoAtRandom(r *rand.Rand) {
	f.t.Helper()
	var sources []string
	for _, e := range f.entries {
		for _, a := range e.Aliases {
			if e.Status != Merged && a.Status != "" {
				sources = append(sources, a.Source)
			}
		}
	}
	slices.Sort(sources)
	for _, source := range sources {
		if r.IntN(4) > 0 {
			continue
		}
		isStill := slices.ContainsFunc(f.known(), func(e Entry) bool { return e.Status != Merged && e.alias(source) >= 0 })
		if isStill {
			f.undo(source)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(changesOf(t, "p1 pending -5 2 party=Bar; t2 posted -6 2 replaces=p0"))
	entry := f.known()[0].ID
	at := f.clock
	for name, do := range map[string]func() (Result, error){
		"another account": func() (Result, error) {
			return Apply(checking, nil, State{}, &connector.Changes{Account: "43"}, at)
		},
		"no interval": func() (Result, error) {
			return Apply(checking, nil, State{}, &connector.Changes{Complete: true, From: "2026-03-02", To: "2026-03-01"}, at)
		},
		"no such suggestion": func() (Result, error) { return Accept(checking, f.known(), f.state, "x", at) },
		"no such alias":      func() (Result, error) { return Undo(checking, f.known(), f.state, entry, "x", at) },
		"no such entry":      func() (Result, error) { return Undo(checking, f.known(), f.state, "x", "p1", at) },
		"never reported":     func() (Result, error) { return Undo(checking, f.known(), f.state, f.entryOf("t2"), "p0", at) },
	} {
		if r, err := do(); failure.Of(err) != failure.Data || len(r.Entries)+len(r.Versions) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Apply(checking, append(f.known(), f.known()...), State{}, &connector.Changes{}, at); failure.Of(err) != failure.Bug {
		t.Errorf("entries twice: %v", err)
	}
}

// entryOf is the entry that has an id of the institution.
func (f *fixture) entryOf(source string) string {
	for _, e := range f.entries {
		if e.Status != Merged && slices.Contains(e.sourceIDs(), source) {
			return e.ID
		}
	}
	return ""
}

// TestInvalidTransactions are left out by name. The rest counts, nothing is proven, and what is known of them stays.
func TestInvalidTransactions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(changesOf(t, "complete; t1 posted -5 2; t2 posted -6 2; balance 89 2"))
	c := changesOf(t, "complete; t1 posted -5 2; t2 posted 1e3 2; t3 posted 1,50 3; t4 posted NaN 3; t5 posted 1234567890123456 3; "+
		"t6 posted 0.000001 3; t7 posted -1 3; balance x 4; balance 88 soon")
	c.Transactions = append(c.Transactions, connector.Transaction{ID: "t8", Amount: "1", Booked: "2026-02-30"}, connector.Transaction{Amount: "2"},
		connector.Transaction{ID: "t9", Amount: "3", Booked: "2026-03-03"}, connector.Transaction{ID: "t9", Amount: "4", Booked: "2026-03-03"})
	r := f.apply(c)
	if got, want := f.describe(), "t1 posted -5.00, t2 posted -6.00, t7 posted -1.00, t9 posted 4.00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var all []string
	for _, w := range r.Warnings {
		if failure.Of(w) != failure.Data {
			t.Errorf("%v has class %s", w, failure.Of(w))
		}
		all = append(all, w.Error())
	}
	for _, want := range []string{`"t2": amount "1e3"`, `"t3"`, `"t4"`, `"t5"`, `"t6"`, `"t8": the day on which it was booked, "2026-02-30"`, `"": the institution gives it no id`, `"t9": it is listed twice`, `balance "x"`, `"2026-03-soon"`} {
		if !slices.ContainsFunc(all, func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("no warning contains %s: %v", want, all)
		}
	}
	if len(all) != 10 || f.verdict("EUR") != "UNKNOWN" {
		t.Errorf("%d warnings and verdict %s", len(all), f.verdict("EUR"))
	}
}

// TestHistoryExplains follows one transaction through its versions.
func TestHistoryExplains(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var got []string
	for _, text := range []string{
		"p1 pending -50 2 party=Roma; balance 100 2", "t1 posted -58 3 party=Roma replaces=p1; removed p1; balance 42 3", "t1 posted -57.50 3 party=Roma; balance 42.5 4",
		"removed t1; u1 posted -57.50 3 party=ROMA; balance 42.5 5", "removed u1; balance 100 6", "u1 posted -57.50 3 party=ROMA currency=USD",
	} {
		for _, v := range f.apply(changesOf(t, text)).Versions {
			got = append(got, fmt.Sprintf("%d %s %s %s%s (%s/%s): %s", v.Version, v.Status, v.SourceID, v.Amount, v.Currency, v.PostedChange, v.PendingChange, v.Evidence))
		}
	}
	want := []string{
		`1 pending p1 -50.00EUR (0.00/-50.00): the institution reports it`,
		`2 posted t1 -58.00EUR (-58.00/50.00): the institution says that "t1" posts "p1"`,
		`3 posted t1 -57.50EUR (0.50/0.00): same id: amount -58.00 becomes -57.50`,
		`4 posted u1 -57.50EUR (0.00/0.00): re-issued: "u1" has the content of "t1", and the institution has removed it (1 old and 1 new ids with this content)`,
		`5 vanished u1 -57.50EUR (57.50/0.00): the institution has removed it`,
		`6 posted u1 -57.50USD (-57.50/0.00): same id: vanished becomes posted, currency EUR becomes USD`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBalanceEvents keeps each stated balance once.
func TestBalanceEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []struct {
		text string
		want int
	}{
		{"balance 1 2; balance 2 2 USD", 2},
		{"balance 1 2; balance 3 3; balance 4 2", 1},
		{"balance 1 2", 0},
		{"balance 5 3", 1},
	} {
		if got := len(f.apply(changesOf(t, c.text)).Balances); got != c.want {
			t.Errorf("%s: %d events instead of %d", c.text, got, c.want)
		}
	}
}

// TestTimesOfBalances reads days and times as streams accept them.
func TestTimesOfBalances(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, at, day, want string }{
		{"booked", "2026-03-02", "2026-03-02", "2026-03-02T23:59:59Z"},
		{"due", "2026-03-02T00:30:00.123456789+02:00", "2026-03-02", "2026-03-01T22:30:00.123456Z"},
		{"ledger", "2026-03-02", "", ""},
		{"booked", "", "", ""},
		{"booked", "0000-03-02", "", ""},
		{"booked", "0001-01-01T00:00:00+14:00", "", ""},
		{"booked", "2026-03-02T", "", ""},
	} {
		f := newFixture(t)
		r := f.apply(&connector.Changes{Balances: []connector.Balance{{Kind: c.kind, Amount: "1", At: c.at}}})
		switch {
		case c.want == "" && len(r.Balances) == 0 && len(r.Warnings) == 1:
		case c.want != "" && len(r.Balances) == 1 && r.Balances[0].StatedAt == c.want && r.Balances[0].Day == c.day:
		default:
			t.Errorf("%+v: %+v %v", c, r.Balances, r.Warnings)
		}
	}
}

// TestBrokenNamesTheFigures checks what a person reads.
func TestBrokenNamesTheFigures(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(changesOf(t, "t1 posted -5 2; balance 95 2"))
	v := f.apply(changesOf(t, "t2 posted -5 3; balance 89.99 3")).Verdicts
	want := []Verdict{{
		Currency: "EUR", Word: Broken, Stated: "89.99", StatedAt: "2026-03-03T23:59:59Z", Counted: "90.00", Difference: "-0.01",
		Reason: "the stated balance is 89.99, and the opening with the posted transactions 90.00: the difference is -0.01",
	}}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("%+v", v)
	}
}

// TestLargeAccount posts and re-issues all of many entries, in a time that grows with their number only.
func TestLargeAccount(t *testing.T) {
	t.Parallel()
	const size = 20_000
	list := func(prefix string, status bool) *connector.Changes {
		c := &connector.Changes{Account: checking.ID, Complete: true, From: "2025-01-01", To: "2026-12-31"}
		for i := range size {
			one := connector.Transaction{ID: fmt.Sprint(prefix, i), Amount: centsOf(int64(i%7 - 100)), Party: fmt.Sprint("Shop ", i%11), Pending: status}
			one.Booked = dayOf(i % 300)
			one.Made = one.Booked
			c.Transactions = append(c.Transactions, one)
		}
		return c
	}
	known, state := []Entry(nil), State{}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, c := range []*connector.Changes{list("p", true), list("t", false), list("u", false)} {
		r, err := Apply(checking, known, state, c, at)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Entries) != size || len(r.State.Open) > maxOpen {
			t.Fatalf("list %d changes %d entries and has %d suggestions", i, len(r.Entries), len(r.State.Open))
		}
		known, state = r.Entries, r.State
	}
	c := list("w", false)
	c.Complete = false
	r, err := Apply(checking, known, state, c, at)
	if err != nil || len(r.Entries) != size {
		t.Fatalf("%d entries change: %v", len(r.Entries), err)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		items  string // amount*most
		wanted string
		want   string
	}{
		{"", "0", "[]"},
		{"", "1", "none"},
		{"-5*2", "-5", "[1]"},
		{"-5*2", "-15", "none"},
		{"-5*1 -5*1", "-5", "none"}, // of two different ones it is not known which
		{"-5*1 -5*1", "-10", "[1 1]"},
		{"-5*1 5*1", "0", "none"},
		{"-5*3 7*2 0.01*1", "-0.99", "[3 2 1]"},
		{"-5*3 7*2 0.01*1", "-0.98", "none"},
		{"-5*3 7*2 0.01*1", "4.01", "[2 2 1]"},
		{"0*1", "0", "none"},
	} {
		var items []item
		for _, text := range strings.Fields(c.items) {
			amount, most, _ := strings.Cut(text, "*")
			items = append(items, item{sumOf(amount), int(most[0] - '0')})
		}
		got := "none"
		if counts, ok := choose(items, sumOf(c.wanted)); ok {
			got = fmt.Sprint(counts)
		}
		if got != c.want {
			t.Errorf("%s of %s: %s instead of %s", c.wanted, c.items, got, c.want)
		}
	}
}

// FuzzApply applies any two changes, one after the other.
func FuzzApply(f *testing.F) {
	for _, c := range ruleCases {
		for i := 1; i < len(c.steps); i++ {
			before, now := c.steps[i-1].do, c.steps[i].do
			if isDecision(before) || isDecision(now) {
				continue
			}
			first, _ := json.Marshal(changesOf(f, before))
			second, _ := json.Marshal(changesOf(f, now))
			f.Add(string(first), string(second))
		}
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		x := newFixture(t)
		for _, text := range []string{first, second, first} {
			var c connector.Changes
			if json.Unmarshal([]byte(text), &c) != nil {
				return
			}
			if _, err := Apply(checking, x.known(), x.state, &c, x.clock); err != nil {
				if failure.Of(err) != failure.Data {
					t.Fatal(err)
				}
				return
			}
			x.apply(&c)
		}
	})
}
