// The steps of refreshes: each is recorded once, and what comes late changes nothing (rule 5).

package account

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/failure"
)

func TestRefreshSucceeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", 0)
	w.expectDue(rules, 9, "a")
	w.now = w.now.Add(time.Minute)
	a, err := w.Begin(t.Context(), ref, 1)
	if err != nil || a.State != Fetching || !a.Begun.Equal(w.now) || !a.IsFetching(1) {
		t.Fatalf("%+v %v", a, err)
	}
	for i, cause := range []error{failure.Throttle(0, errors.New("busy")), failure.Wrap(failure.Transient, errors.New("away"))} {
		a, err := w.Retrying(t.Context(), ref, 1, cause)
		if err != nil || a.State != Waiting || a.Reason != cause.Error() || a.Class != failure.Of(cause).String() || a.Attempts != i {
			t.Errorf("%+v %v", a, err)
		}
	}
	began := w.now
	w.now = w.now.Add(time.Minute)
	w.fetched(ref, 1, Document{Name: "1.xml", Object: "o1"}, Document{Name: "2.xml", Object: "o2"})
	if a = w.get(ref); a.State != Processing || !a.Begun.Equal(began) || a.Requests != 2 || len(a.Documents) != 2 || a.Cursor != "" || a.Reason != "" {
		t.Errorf("%+v", a)
	}
	if err := w.Processed(t.Context(), ref, 1, "o2", "it is empty"); err != nil {
		t.Fatal(err)
	}
	a = w.get(ref)
	if done, total := a.Progress(); done != 1 || total != 2 || a.Documents[1].Refused != "it is empty" {
		t.Errorf("%+v", a.Documents)
	}
	standing := &Standing{Balance: "1.00"}
	w.judge(ref, 1, "c1", standing)
	w.judge(ref, 1, "c2", &Standing{Balance: "2.00"}) // again
	w.end(ref, 1, nil, time.Hour)
	a = w.get(ref)
	if a.Running || a.Outcome != Complete || !a.Succeeded.Equal(w.now) || a.Cursor != "c1" || a.Standing == nil || a.Standing.Balance != "1.00" || a.Failures != 0 {
		t.Errorf("%+v", a)
	}
	w.check()
}

// judge applies what was fetched.
func (w *world) judge(r Ref, refresh int, cursor string, s *Standing) {
	w.t.Helper()
	err := w.Catalog.Update(w.t.Context(), func(tx catalog.Tx) error {
		return Judge(tx, r, refresh, func(*Account) (string, *Standing, error) { return cursor, s, nil })
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// lateCalls are all that a step of a refresh may do.
func (w *world) lateCalls() map[string]func(ctx context.Context, r Ref, refresh int) error {
	return map[string]func(ctx context.Context, r Ref, refresh int) error{
		"begin": func(ctx context.Context, r Ref, n int) error { _, err := w.Begin(ctx, r, n); return err },
		"fetched": func(ctx context.Context, r Ref, n int) error {
			_, err := w.Fetched(ctx, r, Fetched{Refresh: n, Cursor: "late", Requests: 9, Documents: []Document{{Name: "late"}}})
			return err
		},
		"retrying": func(ctx context.Context, r Ref, n int) error {
			_, err := w.Retrying(ctx, r, n, errors.New("late"))
			return err
		},
		"ask": func(ctx context.Context, r Ref, n int) error {
			return w.Ask(ctx, r, Asked{Refresh: n, Question: "late?", Reason: "late"})
		},
		"reject": func(ctx context.Context, r Ref, n int) error { return w.Ask(ctx, r, Asked{Refresh: n, Reason: "late"}) },
		"processed": func(ctx context.Context, r Ref, n int) error {
			return w.Processed(ctx, r, n, "o1", "late")
		},
		"commit": func(ctx context.Context, r Ref, n int) error {
			return w.Catalog.Update(ctx, func(tx catalog.Tx) error { return Commit(tx, r, n, "late") })
		},
		"judge": func(_ context.Context, r Ref, n int) error { w.judge(r, n, "late", &Standing{}); return nil },
		"end": func(ctx context.Context, r Ref, n int) error {
			ended, err := w.End(ctx, r, n, Ending{Err: errors.New("late"), Next: begin})
			if ended != nil {
				err = errors.New("it has ended again")
			}
			return err
		},
	}
}

// TestLateCallsChangeNothing calls every step of the first refresh when that has ended, and in each state of the second one.
func TestLateCallsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", time.Hour)
	w.fetched(ref, w.refresh(ref), Document{Name: "1", Object: "o1"})
	w.end(ref, 1, nil, time.Hour)
	w.expectNoChange(ref, "it has ended", 1)
	w.refresh(ref)
	w.expectNoChange(ref, "the second one waits for its turn", 1)
	if _, err := w.Begin(t.Context(), ref, 2); err != nil {
		t.Fatal(err)
	}
	w.expectNoChange(ref, "the second one fetches", 1)
	if err := w.Ask(t.Context(), ref, Asked{Refresh: 2, Question: "code?", Reason: "asked"}); err != nil {
		t.Fatal(err)
	}
	w.expectNoChange(ref, "the second one asks", 1)
	w.fetched(ref, 2, Document{Name: "1", Object: "o1"})
	w.expectNoChange(ref, "the second one is processed", 1)
	w.end(ref, 2, errors.New("bad"), time.Hour)
	w.expectNoChange(ref, "the second one has ended", 1)
	w.expectNoChange(ref, "both have ended", 2)
}

func (w *world) expectNoChange(ref Ref, when string, refresh int) {
	w.t.Helper()
	before := textOf(w.t, w.get(ref))
	w.now = w.now.Add(time.Second)
	for name, call := range w.lateCalls() {
		if err := call(w.t.Context(), ref, refresh); err != nil {
			w.t.Errorf("%s, %s of refresh %d: %v", when, name, refresh, err)
		}
		if after := textOf(w.t, w.get(ref)); after != before {
			w.t.Errorf("%s, %s of refresh %d changes\n%s to\n%s", when, name, refresh, before, after)
		}
	}
	w.check()
}

func textOf(t testing.TB, a *Account) string {
	t.Helper()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLateSession: a session of the same refresh that ends after another one changes nothing, whatever it brings.
func TestLateSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", time.Hour)
	w.fetched(ref, w.refresh(ref), Document{Name: "1", Object: "o1"})
	before := textOf(t, w.get(ref))
	w.now = w.now.Add(time.Second)
	for _, name := range []string{"begin", "fetched", "retrying", "ask", "reject"} {
		if err := w.lateCalls()[name](t.Context(), ref, 1); err != nil {
			t.Error(err)
		}
		if after := textOf(t, w.get(ref)); after != before {
			t.Errorf("%s changes\n%s to\n%s", name, before, after)
		}
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", time.Hour)
	answer := func(text string, want bool) {
		t.Helper()
		if asked, err := w.Answer(t.Context(), ref, text); err != nil || asked != want {
			t.Errorf("answered %v, %v", asked, err)
		}
	}
	answer("too early", false)
	n := w.refresh(ref)
	if _, err := w.Begin(t.Context(), ref, n); err != nil {
		t.Fatal(err)
	}
	answer("still too early", false)
	for _, question := range []string{"code?", "another code?"} {
		if err := w.Ask(t.Context(), ref, Asked{Refresh: n, Question: question, Reason: "it asks"}); err != nil {
			t.Fatal(err)
		}
		if a := w.get(ref); a.State != Asking || a.Question != question || a.Answer != "" {
			t.Errorf("%+v", a)
		}
		answer("typed wrongly", true)
		answer("secret", true)
		a, err := w.Begin(t.Context(), ref, n)
		if err != nil || a.Answer != "secret" || a.Question != "" || a.State != Fetching {
			t.Errorf("%+v, %v", a, err)
		}
	}
	w.fetched(ref, n)
	if a := w.get(ref); a.Answer != "" {
		t.Errorf("the answer is kept: %+v", a)
	}
	answer("too late", false)
}

func TestNewCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", time.Hour)
	set := func(references map[string]string) *Account {
		t.Helper()
		a, err := w.SetCredentials(t.Context(), ref, references)
		if err != nil {
			t.Fatal(err)
		}
		w.check()
		return a
	}
	if a := set(map[string]string{"user": "vault:u", "password": "vault:p"}); !a.Next.Equal(begin.Add(time.Hour)) {
		t.Errorf("an account that works is due at %s", a.Next)
	}
	n := w.refresh(ref)
	if err := w.Ask(t.Context(), ref, Asked{Refresh: n, Reason: "rejected"}); err != nil {
		t.Fatal(err)
	}
	a := set(map[string]string{"password": "vault:p2"})
	if a.Credentials["user"] != "vault:u" || a.Credentials["password"] != "vault:p2" || !a.IsRunning(n) || a.State != Waiting {
		t.Errorf("%+v", a)
	}
	w.end(ref, n, failure.Wrap(failure.Data, errors.New("rejected")), 24*time.Hour)
	if a = set(map[string]string{"password": "vault:p3"}); !a.Next.Equal(w.now) || a.Class != "" || a.Failures != 0 {
		t.Errorf("%+v", a)
	}
	w.expectDue(rules, 9, "a")
}

func TestRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", 0)
	w.add("b", 0)
	n := w.refresh(ref)
	refused(t, w.Remove(t.Context(), ref), failure.Data, "account acme/a is being refreshed")
	w.fetched(ref, n)
	refused(t, w.Remove(t.Context(), ref), failure.Data, "account acme/a is being refreshed")
	w.end(ref, n, nil, time.Hour)
	if err := w.Remove(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	w.check()
	for name, call := range w.lateCalls() {
		if name == "judge" {
			continue // which ends the test with an error
		}
		if err := call(t.Context(), ref, n); !errors.As(err, new(*NotFoundError)) {
			t.Errorf("%s of an account that was removed: %v", name, err)
		}
	}
	refused(t, w.Remove(t.Context(), ref), failure.Data, "was not added")
	w.expectDue(rules, 9, "b")
}

func TestAddKeepsRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.add("a", time.Hour)
	w.end(ref, w.refresh(ref), nil, 3*time.Hour)
	before := textOf(t, w.get(ref))
	added, err := w.Add(t.Context(), []Account{{Ref: ref, Next: begin}, {Ref: refOf("b")}, {Ref: refOf("b"), Name: "again"}})
	if err != nil || len(added) != 1 || added[0].Account != "b" || textOf(t, w.get(ref)) != before {
		t.Errorf("%q %v: %s", added, err, textOf(t, w.get(ref)))
	}
	w.check()
	for _, id := range []string{"", "a\nb", "a\x7f", "\xff", string(make([]byte, MaxID+1))} {
		_, err := w.Add(t.Context(), []Account{{Ref: refOf("c")}, {Ref: refOf(id)}})
		refused(t, err, failure.Data, "is not a valid id of an account")
	}
	if _, err := w.Get(t.Context(), refOf("c")); !errors.As(err, new(*NotFoundError)) {
		t.Errorf("an account beside an invalid one: %v", err)
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	for _, id := range ids {
		if r, err := ParseRef(refOf(id).String()); err != nil || r != refOf(id) {
			t.Errorf("%q is read as %q, %v", refOf(id), r, err)
		}
	}
	for _, text := range []string{"", "acme", "acme/", "/a"} {
		_, err := ParseRef(text)
		refused(t, err, failure.Data, "is not an account")
	}
}
