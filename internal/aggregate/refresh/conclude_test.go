// How refreshes end, and what becomes of events that could not be stored.

package refresh

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/project"
)

func TestEndings(t *testing.T) {
	t.Parallel()
	away := failure.Wrap(failure.Transient, errors.New("away"))
	for name, tt := range map[string]struct {
		how     Ending
		asks    error // of the institution
		outcome account.Outcome
		reason  string
		next    time.Duration // 0: never
	}{
		"complete":    {Ending{}, nil, account.Complete, "", time.Hour},
		"away":        {Ending{Err: away}, nil, account.Failed, "away", 5 * time.Minute},
		"bad":         {Ending{Err: failure.Wrap(failure.Data, errors.New("closed"))}, nil, account.Failed, "closed", time.Hour},
		"question":    {Ending{Unanswered: true}, &connector.QuestionError{Question: "code?"}, account.Failed, `nobody has answered the question "code?" in time; ` + "`bursar account refresh acme/checking:42/€` tries again", 0},
		"credentials": {Ending{Unanswered: true}, &connector.CredentialsError{}, account.Failed, "nobody has set new credentials in time: the institution rejects the credentials; `bursar", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project.CursorConnector)
			w.fetch = func(context.Context, connector.Login, connector.Request, connector.Delivery) error { return tt.asks }
			var ended []*account.Account
			w.OnEnd = func(a *account.Account) { ended = append(ended, a) }
			number := w.begin()
			w.visit(number)
			for range 2 {
				if err := w.Conclude(t.Context(), ref, number, tt.how); err != nil {
					t.Fatal(err)
				}
			}
			a := w.get()
			if a.Running || a.Outcome != tt.outcome || !strings.HasPrefix(a.Reason, tt.reason) || len(ended) != 1 {
				t.Errorf("%+v, ended %d times", a, len(ended))
			}
			switch after := a.Next.Sub(begin); {
			case tt.next == 0 && !a.Next.IsZero(), tt.next > 0 && (after < tt.next*9/10 || after > tt.next*11/10):
				t.Errorf("the next one is due after %s, want %s", after, tt.next)
			}
		})
	}
}

// TestRefusedStatement: the others count; the account has failed, and says which file cannot be read, until it can be.
func TestRefusedStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.FilesConnector)
	w.refused["two"] = "it is not a statement"
	w.fetch = func(ctx context.Context, _ connector.Login, r connector.Request, d connector.Delivery) error {
		return scripts[project.FilesConnector](ctx, 1, r, d)
	}
	a := w.refresh()
	if a.Outcome != account.Failed || a.Reason != "two.xml cannot be read: it is not a statement" || a.Cursor != "" || len(w.imported) != 3 {
		t.Errorf("%+v, imported %v", a, w.imported)
	}
	delete(w.refused, "two")
	if a = w.refresh(); a.Outcome != account.Complete || a.Cursor != "3 files" {
		t.Errorf("%+v, imported %v", a, w.imported)
	}
}

// TestChangesOfAnother stores nothing of changes that cannot be used, and keeps the cursor.
func TestChangesOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
		return d.Changes(ctx, &connector.Changes{Account: "another", Cursor: "c1", Transactions: []connector.Transaction{transaction("t1", "1.00", false)}})
	}
	if a := w.refresh(); a.Outcome != account.Failed || a.Class != "data" || a.Cursor != "" || len(w.events) > 0 {
		t.Errorf("%+v, stored %q", a, w.sorted())
	}
}

// TestEmptyCursor: a fetch without a cursor leaves the one that there was.
func TestEmptyCursor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	for _, c := range []*connector.Changes{{Cursor: "c1"}, {}} {
		w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
			return d.Changes(ctx, c)
		}
		if a := w.refresh(); a.Cursor != "c1" {
			t.Errorf("%+v", a)
		}
	}
}

// suggesting fetches a pending transaction, and one that may be the same, so that a person is asked.
func (w *world) suggesting() (suggestion string) {
	w.t.Helper()
	for _, c := range []*connector.Changes{
		{Transactions: []connector.Transaction{{ID: "p", Pending: true, Amount: "-50.00", Party: "Hotel"}}},
		{Transactions: []connector.Transaction{{ID: "t", Amount: "-52.00", Booked: "2026-03-02", Party: "Hotel"}}},
	} {
		w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
			return d.Changes(ctx, c)
		}
		w.refresh()
		w.now = w.now.Add(time.Hour)
	}
	_, state, err := w.Ledger(w.t.Context(), ref)
	if err != nil || len(state.Open) != 1 {
		w.t.Fatalf("%+v, %v", state, err)
	}
	return state.Open[0].ID
}

// TestLeftEvents: events of a decision that could not be stored are stored by the next refresh, however that ends.
func TestLeftEvents(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]Ending{"complete": {}, "failed": {Err: errors.New("bad")}, "unanswered": {Unanswered: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project.CursorConnector)
			suggestion := w.suggesting()
			before := len(w.events)
			w.faults.set(3) // places are before and after the decision, and before its events are stored
			if err := w.Join(t.Context(), ref, suggestion); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			w.faults.end()
			w.replace()
			if len(w.events) != before || !strings.Contains(w.dump(), "outbox") {
				t.Fatalf("stored %q", w.sorted())
			}
			number := w.begin()
			w.visit(number)
			if err := w.Conclude(t.Context(), ref, number, how); err != nil {
				t.Fatal(err)
			}
			if len(w.events) <= before || strings.Contains(w.dump(), "outbox") {
				t.Errorf("stored %q", w.sorted())
			}
		})
	}
}

// TestDeliver stores such events before an account is removed.
func TestDeliver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	suggestion, prepared := w.suggesting(), 0
	deliver := func() {
		t.Helper()
		if err := w.Deliver(t.Context(), ref, func(context.Context) error { prepared++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	deliver()
	before := len(w.events)
	w.faults.set(3)
	if err := w.Join(t.Context(), ref, suggestion); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.faults.end()
	deliver()
	deliver()
	if prepared != 1 || len(w.events) != before+2 || strings.Contains(w.dump(), "outbox") {
		t.Errorf("prepared %d times, stored %q", prepared, w.sorted())
	}
}

// TestEventsAddedMeanwhile: events of a decision that is made while those of a refresh are stored are stored, too.
func TestEventsAddedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	suggestion := w.suggesting()
	w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
		return d.Changes(ctx, &connector.Changes{Transactions: []connector.Transaction{transaction("t9", "9.00", false)}})
	}
	one := w.Refresher
	other := &Refresher{ // another process: it shares nothing but the stores
		Project: one.Project, Accounts: one.Accounts, Catalog: one.Catalog, Objects: one.Objects, Now: one.Now, Log: one.Log,
	}
	other.Accept = func(context.Context, string, []byte) (int64, string, error) { return 0, "", errCrash }
	w.onAccept = func(string) {
		w.onAccept = nil
		if err := other.Join(t.Context(), ref, suggestion); !errors.Is(err, errCrash) {
			t.Error(err)
		}
	}
	before := len(w.events)
	w.refresh()
	if len(w.events) != before+1 || !strings.Contains(w.dump(), "outbox") {
		t.Fatalf("stored %q", w.sorted())
	}
	w.refresh()
	if len(w.events) != before+3 || strings.Contains(w.dump(), "outbox") {
		t.Errorf("stored %q", w.sorted())
	}
}

// TestQuarantinedEvents stop an account, whose refresh ends with the reason: the project's own events are valid. They stay in the outbox.
func TestQuarantinedEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	w.fetch = func(ctx context.Context, _ connector.Login, r connector.Request, d connector.Delivery) error {
		return scripts[project.CursorConnector](ctx, 1, r, d)
	}
	w.Accept = func(context.Context, string, []byte) (int64, string, error) { return 1, "column amount", nil }
	number := w.begin()
	err := w.drive(number, 0)
	if failure.Of(err) != failure.Bug || !strings.Contains(err.Error(), "in quarantine: column amount") || !w.get().Running {
		t.Errorf("%v: %+v", err, w.get())
	}
	if err := w.Conclude(t.Context(), ref, number, Ending{Err: err}); err != nil {
		t.Fatal(err)
	}
	if a := w.get(); a.Running || a.Class != "bug" || !strings.Contains(a.Reason, "in quarantine: column amount") || a.Next.IsZero() || !strings.Contains(w.dump(), "outbox") {
		t.Errorf("%+v", a)
	}
}

// TestAnsweredLate: what a person has done while no process was up is not lost, although the refresh has waited for too long. The next one is due soon.
func TestAnsweredLate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		asks error // of the institution
		act  func(w *world) error
	}{
		"an answer": {&connector.QuestionError{Question: "code?"}, func(w *world) error {
			_, err := w.Accounts.Answer(t.Context(), ref, "encrypted:1234")
			return err
		}},
		"new credentials": {&connector.CredentialsError{}, func(w *world) error {
			_, err := w.Accounts.SetCredentials(t.Context(), ref, map[string]string{"password": "vault:new"})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project.CursorConnector)
			w.fetch = func(context.Context, connector.Login, connector.Request, connector.Delivery) error { return tt.asks }
			number := w.begin()
			w.visit(number)
			if err := tt.act(w); err != nil {
				t.Fatal(err)
			}
			if err := w.Conclude(t.Context(), ref, number, Ending{Unanswered: true}); err != nil {
				t.Fatal(err)
			}
			if a := w.get(); a.Running || a.Outcome != account.Failed || a.Reason != errAnsweredLate.Error() || a.Next.IsZero() || a.Next.After(begin.Add(6*time.Minute)) {
				t.Errorf("%+v", a)
			}
		})
	}
}
