// Which refreshes are begun.

package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"bursar/internal/failure"
)

var rules = Rules{Every: time.Hour, AccountDay: 24}

func TestDueBeginsOldestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("c", -time.Minute)
	w.add("a", -2*time.Minute)
	w.add("b", -3*time.Minute)
	w.add("later", time.Hour)
	if _, err := w.Add(t.Context(), []Account{{Ref: refOf("asked only")}, {Ref: Ref{"other", "x"}, Next: w.now}}); err != nil {
		t.Fatal(err)
	}
	if begun := w.expectDue(rules, 2, "b", "a"); !begun.Again.Equal(w.now.Add(time.Second)) {
		t.Errorf("more are due, and again is %s", begun.Again)
	}
	if begun := w.expectDue(rules, 2); !begun.Again.Equal(w.now.Add(time.Second)) {
		t.Errorf("no place is free, and again is %s", begun.Again)
	}
	w.fetched(refOf("a"), 1)
	if begun := w.expectDue(rules, 2, "c"); !begun.Again.Equal(w.now.Add(time.Hour)) {
		t.Errorf("the next one is due in an hour, and again is %s", begun.Again)
	}
	w.now = w.now.Add(59 * time.Second)
	w.expectDue(rules, 9)
}

// TestDueStartsAgain starts refreshes that have fetched nothing once a minute, in case their workflow was lost, and those that wait for a person or have
// fetched something not.
func TestDueStartsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, id := range []string{"waits", "fetches", "fetched", "asks", "rejected"} {
		w.add(id, time.Duration(i-10)*time.Second)
	}
	w.expectDue(rules, 9, "waits", "fetches", "fetched", "asks", "rejected")
	w.fetched(refOf("fetched"), 1)
	for id, question := range map[string]string{"asks": "code?", "rejected": ""} {
		if _, err := w.Begin(t.Context(), refOf(id), 1); err != nil {
			t.Fatal(err)
		}
		if err := w.Ask(t.Context(), refOf(id), Asked{Refresh: 1, Question: question, Reason: "because"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Begin(t.Context(), refOf("fetches"), 1); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(startAgain - time.Second)
	w.expectDue(rules, 9)
	for range 3 {
		w.now = w.now.Add(startAgain)
		w.expectDue(rules, 9, "fetches", "waits")
		w.expectDue(rules, 9)
	}
	if n := w.get(refOf("waits")).Scheduled; n != 1 {
		t.Errorf("a refresh that was started again counts %d times", n)
	}
}

// TestQuotasOfAccounts: without being asked, an account is refreshed as often as the part of its quota allows that people do not need.
func TestQuotasOfAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := Rules{Every: time.Minute, AccountDay: 4, Reserve: 25}
	ref := w.add("a", 0)
	for n := range 3 {
		w.expectDue(rules, 9, "a")
		w.end(ref, n+1, nil, 0)
	}
	w.expectDue(rules, 9)
	a := w.get(ref)
	if moved := a.Next.Sub(w.now); moved < 7*time.Hour || moved > 9*time.Hour || a.Reason == "" || a.Running {
		t.Errorf("after its quota it is %+v", a)
	}
	if _, joined, err := w.AskNow(t.Context(), ref, rules); err != nil || joined {
		t.Errorf("a person may ask once: %v, %v", joined, err)
	}
	if _, joined, err := w.AskNow(t.Context(), ref, rules); err != nil || !joined {
		t.Errorf("a refresh that runs is joined: %v, %v", joined, err)
	}
	w.end(ref, 4, nil, 0)
	_, _, err := w.AskNow(t.Context(), ref, rules)
	refused(t, err, failure.Throttled, "account acme/a had 4 refreshes today")
	refused(t, err, failure.Throttled, "2026-03-03T00:00:00Z")
	w.now = begin.Add(12 * time.Hour) // the next day
	w.expectDue(rules, 9, "a")
	if a = w.get(ref); a.Scheduled != 1 || a.ByPerson != 0 {
		t.Errorf("on the next day it is %+v", a)
	}
}

// TestPeopleUseQuotas: what people have asked for counts against the whole quota, which is what the institution allows.
func TestPeopleUseQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := Rules{Every: time.Minute, AccountDay: 4, Reserve: 25}
	ref := w.add("a", 0)
	for n := range 4 {
		if _, _, err := w.AskNow(t.Context(), ref, one); err != nil {
			t.Fatal(err)
		}
		w.end(ref, n+1, nil, 0)
	}
	w.expectDue(one, 9)
	all := Rules{Every: time.Minute, AccountDay: 9, Day: 5, Reserve: 50}
	w.add("b", 0)
	w.expectDue(all, 9, "b")
	w.add("c", 0)
	if begun := w.expectDue(all, 9); !begun.Again.Equal(nextDay(w.now)) {
		t.Errorf("the institution had its 5 refreshes, and again is %s", begun.Again)
	}
}

func TestQuotasOfInstitutions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := Rules{Every: time.Minute, AccountDay: 9, Day: 4, Reserve: 50}
	for i := range 5 {
		w.add(fmt.Sprint(i), time.Duration(i-10)*time.Second)
	}
	if begun := w.expectDue(rules, 9, "0", "1"); !begun.Again.Equal(begin.Add(12 * time.Hour)) {
		t.Errorf("again is %s", begun.Again)
	}
	for _, id := range []string{"2", "3"} {
		if _, _, err := w.AskNow(t.Context(), refOf(id), rules); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := w.AskNow(t.Context(), refOf("4"), rules)
	refused(t, err, failure.Throttled, "institution acme had 4 refreshes today")
	if a := w.get(refOf("4")); a.Running || a.ByPerson != 0 {
		t.Errorf("a refresh that is refused leaves %+v", a)
	}
	w.now = begin.Add(12 * time.Hour)
	if ids, _ := w.due(rules, 9); len(ids) < 1 || ids[len(ids)-1] != "4" {
		t.Errorf("on the next day %q were begun", ids)
	}
}

func TestUnknownAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, err := w.AskNow(t.Context(), refOf("nobody"), rules)
	refused(t, err, failure.Data, "account acme/nobody was not added")
	if !errors.As(err, new(*NotFoundError)) || failure.ExitCode(err) != 3 {
		t.Errorf("%v with exit code %d", err, failure.ExitCode(err))
	}
}
