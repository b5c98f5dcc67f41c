// An account in tests, which checks after every operation what must always be so.

package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/format/statement"
)

var checking = Account{Institution: "nordbank", ID: "42", Currency: "EUR"}

// fixture is an account whose results are stored as the product stores them.
type fixture struct {
	t        testing.TB
	entries  map[string]Entry
	versions map[string]Version
	state    State
	last     Result
	clock    time.Time
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return &fixture{t: t, entries: map[string]Entry{}, versions: map[string]Version{}, clock: time.Date(2026, 3, 1, 6, 0, 0, 123_456_789, time.UTC)}
}

// known are the stored entries, in an order that must not matter.
func (f *fixture) known() (list []Entry) {
	for _, e := range f.entries {
		list = append(list, e)
	}
	return list
}

// apply applies changes twice, of which the second time changes nothing.
func (f *fixture) apply(c *connector.Changes) Result {
	f.t.Helper()
	f.clock = f.clock.Add(time.Hour)
	r, err := Apply(checking, f.known(), f.state, c, f.clock)
	if err != nil {
		f.t.Fatal(err)
	}
	f.store(r)
	f.clock = f.clock.Add(time.Hour)
	again, err := Apply(checking, f.known(), f.state, c, f.clock)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(again.Versions)+len(again.Entries)+len(again.Balances) > 0 || !reflect.DeepEqual(again.State.Open, f.state.Open) {
		f.t.Fatalf("the same changes again: %+v\n%+v\n%+v", again.Versions, again.Entries, again.State.Open)
	}
	if !reflect.DeepEqual(again.Verdicts, r.Verdicts) {
		f.t.Fatalf("the same changes again have verdicts %+v, not %+v", again.Verdicts, r.Verdicts)
	}
	return r
}

// decide stores the result of a decision of a person.
func (f *fixture) decide(operation func(Account, []Entry, State, string, time.Time) (Result, error), id string) {
	f.t.Helper()
	f.clock = f.clock.Add(time.Hour)
	r, err := operation(checking, f.known(), f.state, id, f.clock)
	if err != nil {
		f.t.Fatal(err)
	}
	f.store(r)
}

// undo separates the transaction that has an id now or had it before.
func (f *fixture) undo(source string) {
	f.t.Helper()
	for id := range f.entries {
		e := f.entries[id]
		if e.Status != Merged && e.alias(source) >= 0 {
			f.decide(func(a Account, known []Entry, s State, id string, at time.Time) (Result, error) {
				return Undo(a, known, s, id, source, at)
			}, e.ID)
			return
		}
	}
	f.t.Fatalf("no transaction has the alias %q", source)
}

// store keeps a result by way of JSON, and checks it.
func (f *fixture) store(r Result) {
	f.t.Helper()
	f.last = r
	for _, e := range r.Entries {
		f.entries[e.ID] = reread(f.t, e)
	}
	for _, v := range r.Versions {
		if _, stored := f.versions[v.EventID]; stored {
			f.t.Fatalf("two versions have the id %s", v.EventID)
		}
		if v.Evidence == "" || v.At.Nanosecond() != 123_456_000 {
			f.t.Fatalf("a version states not why, or when in more than microseconds: %+v", v)
		}
		f.versions[v.EventID] = reread(f.t, v)
	}
	f.state = reread(f.t, r.State)
	f.checkSums()
	f.checkSources()
}

// reread writes a value as JSON and reads it.
func reread[T any](t testing.TB, value T) (back T) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(text) {
		t.Fatalf("%s is read as %s (%v)", text, again, err)
	}
	return back
}

// checkSums checks that the versions sum to the amounts of the entries.
func (f *fixture) checkSums() {
	f.t.Helper()
	sums := map[string][4]statement.Sum{}
	plus := func(currency string, at int, s statement.Sum) {
		one := sums[currency]
		one[at] = one[at].Plus(s)
		sums[currency] = one
	}
	for _, v := range f.versions {
		plus(v.Currency, 0, sumOf(v.PostedChange))
		plus(v.Currency, 2, sumOf(v.PendingChange))
	}
	for id := range f.entries {
		e := f.entries[id]
		posted, pending := e.changes()
		plus(e.Currency, 1, posted)
		plus(e.Currency, 3, pending)
	}
	for currency, s := range sums {
		if s[0] != s[1] || s[2] != s[3] {
			f.t.Fatalf("%s: versions sum to %s posted and %s pending, entries to %s and %s", currency, s[0], s[2], s[1], s[3])
		}
	}
}

// checkSources checks that each id of the institution is in one entry, and that the versions of each entry are numbered without gaps.
func (f *fixture) checkSources() {
	f.t.Helper()
	if _, err := open(checking, f.known(), f.state, f.clock); err != nil {
		f.t.Fatal(err)
	}
	count := map[string]int{}
	for _, v := range f.versions {
		count[v.Transaction]++
	}
	for id, e := range f.entries {
		if e.Version != count[id] {
			f.t.Fatalf("entry %s has version %d and %d versions", id, e.Version, count[id])
		}
		if e.Status == Merged && f.entries[e.Into].ID == "" {
			f.t.Fatalf("entry %s is part of %s, which does not exist", id, e.Into)
		}
	}
}

// describe writes the entries that are not merged: ids from the oldest, status and amount.
func (f *fixture) describe() string {
	var list []string
	for id := range f.entries {
		e := f.entries[id]
		if e.Status != Merged {
			list = append(list, fmt.Sprintf("%s %s %s", strings.Join(e.sourceIDs(), "+"), e.Status, e.Amount))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// verdict writes the verdict of a currency.
func (f *fixture) verdict(currency string) string {
	for _, v := range f.last.Verdicts {
		if v.Currency == currency {
			return string(v.Word)
		}
	}
	return "none"
}

// changesOf reads changes as these tests write them: whether the list is complete, then transactions, removed ids and balances, separated by "; ".
// A transaction is its id, "pending" or "posted", its amount, its day in March, and what else there is:
//
//	"complete; p1 pending -5 2 party=Shell; t1 posted -5 3 party=Shell replaces=p0 made=2; removed t0; balance 95 3"
func changesOf(t testing.TB, text string) *connector.Changes {
	t.Helper()
	c := &connector.Changes{Account: checking.ID, Currency: "EUR"}
	for part := range strings.SplitSeq(text, "; ") {
		switch f := strings.Fields(part); {
		case len(f) == 0:
		case f[0] == "complete":
			c.Complete, c.From, c.To = true, marchDay("1"), marchDay("31")
			if len(f) == 3 {
				c.From, c.To = marchDay(f[1]), marchDay(f[2])
			}
		case f[0] == "partial":
			c.Partial = true
		case f[0] == "removed":
			c.Removed = append(c.Removed, f[1:]...)
		case f[0] == "balance":
			one := connector.Balance{Kind: connector.Booked, Amount: f[1], At: marchDay(f[2])}
			if len(f) > 3 {
				one.Currency = f[3]
			}
			c.Balances = append(c.Balances, one)
		default:
			c.Transactions = append(c.Transactions, transactionOf(t, f))
		}
	}
	return c
}

func transactionOf(t testing.TB, f []string) connector.Transaction {
	t.Helper()
	one := connector.Transaction{ID: f[0], Pending: f[1] == "pending", Amount: f[2]}
	if one.Pending {
		one.Made = marchDay(f[3])
	} else {
		one.Booked = marchDay(f[3])
	}
	for _, field := range f[4:] {
		name, value, _ := strings.Cut(field, "=")
		value = strings.ReplaceAll(value, "_", " ")
		at, known := map[string]*string{
			"party": &one.Party, "text": &one.Text, "replaces": &one.Replaces, "currency": &one.Currency, "made": &one.Made,
		}[name]
		if !known {
			t.Fatalf("unknown field %q", field)
		}
		*at = value
		if name == "made" {
			*at = marchDay(value)
		}
	}
	return one
}

// marchDay is a day of March 2026, or of another month if it says so.
func marchDay(day string) string {
	month, day, found := strings.Cut(day, "/")
	if !found {
		month, day = "3", month
	}
	return "2026-" + fmt.Sprintf("%02s", month) + "-" + fmt.Sprintf("%02s", cmp.Or(day, "1"))
}
