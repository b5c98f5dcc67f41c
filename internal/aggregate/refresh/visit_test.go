// Visits: what is asked of an institution once, what is repeated, and what nobody may read.

package refresh

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector"
	"bursar/internal/aggregate/limit"
	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/vault"
)

// visit visits once.
func (w *world) visit(number int) Visit {
	w.t.Helper()
	v, err := w.Visit(w.t.Context(), ref, number)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// TestVisitIsRepeated: an institution is not asked again for what is there, or by a refresh that has ended.
func TestVisitIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.OFXConnector)
	visits := 0
	w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
		visits++
		return errors.Join(d.Changes(ctx, &connector.Changes{}), d.Document(ctx, "1.ofx", []byte("1")), d.Document(ctx, "1 again.ofx", []byte("1")), d.Document(ctx, "2.ofx", []byte("2")))
	}
	number := w.begin()
	for range 3 {
		if v := w.visit(number); v != (Visit{Statements: 2}) {
			t.Errorf("%+v", v)
		}
	}
	if a := w.get(); visits != 1 || len(a.Documents) != 3 || a.Documents[0].Name != "1.ofx" || !a.Documents[2].Changes {
		t.Errorf("%d visits: %+v", visits, a.Documents)
	}
	for _, n := range []int{number - 1, number + 1} {
		if v := w.visit(n); v != (Visit{Ended: true}) {
			t.Errorf("refresh %d: %+v", n, v)
		}
	}
	if _, err := w.Visit(t.Context(), account.Ref{Institution: "acme", Account: "nobody"}, 1); !errors.As(err, new(*account.NotFoundError)) {
		t.Error(err)
	}
	if _, err := w.Visit(t.Context(), account.Ref{Institution: "former", Account: "1"}, 1); failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "institution former has no connector") {
		t.Error(err)
	}
}

// TestVisitThatIsLate has two visits at a time: what the second one brings is not processed.
func TestVisitThatIsLate(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]func(ctx context.Context, d connector.Delivery) error{
		"other files": func(ctx context.Context, d connector.Delivery) error {
			return d.Document(ctx, "other.xml", []byte("other"))
		},
		"nothing":         func(context.Context, connector.Delivery) error { return nil },
		"a question":      func(context.Context, connector.Delivery) error { return &connector.QuestionError{Question: "code?"} },
		"bad credentials": func(context.Context, connector.Delivery) error { return &connector.CredentialsError{} },
		"an outage": func(context.Context, connector.Delivery) error {
			return failure.Wrap(failure.Transient, errors.New("away"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project.FilesConnector)
			number, visits := w.begin(), 0
			w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
				if visits++; visits == 2 {
					return errors.Join(d.Document(ctx, "1.xml", []byte("1")), d.State(ctx, []byte("s")))
				}
				w.visit(number) // another process, meanwhile
				return late(ctx, d)
			}
			_, _ = w.Visit(t.Context(), ref, number) // reported to nobody
			if a := w.get(); a.State != account.Processing || len(a.Documents) != 1 || a.Documents[0].Name != "1.xml" || a.Fetched != "s" {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestQuestion asks a person once, and the institution again with the answer only.
func TestQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	w.connection.Settings = map[string]string{"client": "vault:SECRET-OF-CLIENT"}
	var answers []string
	w.fetch = func(_ context.Context, l connector.Login, _ connector.Request, _ connector.Delivery) error {
		answers = append(answers, l.Answer.Reveal())
		if l.Answer.Reveal() == "1234" {
			return nil
		}
		return &connector.QuestionError{Question: "the code for SECRET-OF-CLIENT?"}
	}
	number := w.begin()
	for _, answer := range []string{"4321", "1234"} {
		for range 2 {
			if v := w.visit(number); v != (Visit{Waits: true, Question: true}) {
				t.Errorf("%+v", v)
			}
		}
		if a := w.get(); a.Question != "the code for a credential of "+ref.String()+"?" {
			t.Errorf("it asks %q", a.Question)
		}
		if asked, err := w.Accounts.Answer(t.Context(), ref, "encrypted:"+answer); err != nil || !asked {
			t.Fatal(asked, err)
		}
	}
	if v := w.visit(number); v != (Visit{}) || strings.Join(answers, " ") != " 4321 1234" {
		t.Errorf("%+v after the answers %q", v, answers)
	}
}

// TestRejectedCredentials are not tried again, because that may block the account.
func TestRejectedCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	var passwords []string
	w.fetch = func(_ context.Context, l connector.Login, _ connector.Request, _ connector.Delivery) error {
		passwords = append(passwords, l.Credentials["password"].Reveal())
		if len(passwords) == 2 {
			return nil
		}
		return &connector.CredentialsError{Reason: "locked"}
	}
	number := w.begin()
	for range 3 {
		if v := w.visit(number); v != (Visit{Waits: true}) {
			t.Errorf("%+v", v)
		}
	}
	if _, err := w.Accounts.SetCredentials(t.Context(), ref, map[string]string{"password": "vault:new"}); err != nil {
		t.Fatal(err)
	}
	if v := w.visit(number); v != (Visit{}) || strings.Join(passwords, " ") != " new" {
		t.Errorf("%+v after %q", v, passwords)
	}
}

// TestFailuresOfInstitutions are those that its breaker counts: not those of the project's own stores, and not what the institution has answered. A
// visit that was not made has not succeeded either.
func TestFailuresOfInstitutions(t *testing.T) {
	t.Parallel()
	away := failure.Wrap(failure.Transient, errors.New("away"))
	for name, tt := range map[string]struct {
		fetch             func(ctx context.Context, w *world, d connector.Delivery) error
		failed, succeeded int
	}{
		"away": {func(context.Context, *world, connector.Delivery) error { return away }, 1, 0},
		"answered": {func(context.Context, *world, connector.Delivery) error {
			return failure.Wrap(failure.Data, errors.New("no such account"))
		}, 0, 1},
		"the store of objects": {func(ctx context.Context, w *world, d connector.Delivery) error {
			w.faults.set(1)
			return d.Document(ctx, "1.xml", []byte("1"))
		}, 0, 0},
		"the stream": {func(ctx context.Context, w *world, d connector.Delivery) error {
			w.faults.set(1)
			return d.Records(ctx, "records", []byte("{\"id\":\"1\"}\n"))
		}, 0, 0},
		"the catalog": {func(ctx context.Context, w *world, d connector.Delivery) error {
			w.faults.set(1)
			return d.State(ctx, []byte("s"))
		}, 0, 0},
		"the vault": {nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project.ExecConnector)
			w.fetch = func(ctx context.Context, _ connector.Login, _ connector.Request, d connector.Delivery) error {
				return tt.fetch(ctx, w, d)
			}
			if tt.fetch == nil {
				w.Resolve = func(string, int, string, string) (vault.Secret, error) { return vault.Secret{}, vault.ErrUnknown }
				w.connection.Settings = map[string]string{"url": "vault:url"}
			}
			if _, err := w.Visit(t.Context(), ref, w.begin()); err == nil {
				t.Fatal("it has not failed")
			}
			w.faults.end()
			session, err := w.Pool.Session(t.Context(), "acme", LimitsOf(w.connection))
			if err != nil {
				t.Fatal(err)
			}
			const last = 77 * time.Minute
			session.End(failure.Throttle(last, errors.New("busy"))) // which is reported at once, with what was not
			failed, succeeded := 0, 0
			for report := (limit.Ask{}); report.RetryAfter != last; {
				report = <-w.asks
				failed, succeeded = failed+report.Failed, succeeded+report.Succeeded
			}
			if failed != tt.failed || succeeded != tt.succeeded {
				t.Errorf("%d failures and %d successes are reported, want %d and %d", failed, succeeded, tt.failed, tt.succeeded)
			}
		})
	}
}

// TestReasonIsRecorded of every refresh, the first one or a later one, that finds no session or an institution that is away.
func TestReasonIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	w.fetch = func(context.Context, connector.Login, connector.Request, connector.Delivery) error { return nil }
	w.refresh()
	number := w.begin()
	w.fetch = func(context.Context, connector.Login, connector.Request, connector.Delivery) error {
		return failure.Throttle(time.Hour, errors.New("come back later"))
	}
	_, err := w.Visit(t.Context(), ref, number)
	if a := w.get(); failure.RetryAfter(err) != time.Hour || a.State != account.Waiting || a.Reason != "come back later" || a.Class != "throttled" {
		t.Errorf("%v: %+v", err, a)
	}
	_, err = w.Visit(t.Context(), ref, number)
	if a := w.get(); failure.Of(err) != failure.Throttled || a.Reason != err.Error() {
		t.Errorf("%v: %+v", err, a)
	}
}

// TestInterval: no day after the last complete refresh is left out, and none before the first one began is asked for.
func TestInterval(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tt := range map[string]struct{ since, ago, want time.Duration }{
		"never":        {90 * day, 0, 90 * day},
		"yesterday":    {90 * day, day, 31 * day},
		"long ago":     {90 * day, 200 * day, 230 * day},
		"short":        {10 * day, day, 11 * day},
		"short, later": {10 * day, 50 * day, 60 * day},
	} {
		a := &account.Account{}
		if tt.ago > 0 {
			a.Covered = begin.Add(-tt.ago)
		}
		if got := begin.Sub(since(a, &project.Connection{Refresh: project.Refresh{Since: tt.since}}, begin)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestMissingDataIsAskedForAgain: a refresh in which the institution says that data is missing is followed by one of the same interval.
func TestMissingDataIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.SimpleFINConnector)
	var from []time.Time
	w.fetch = func(ctx context.Context, _ connector.Login, r connector.Request, d connector.Delivery) error {
		from = append(from, r.From)
		return d.Changes(ctx, &connector.Changes{Account: ref.Account, Currency: "EUR", Partial: len(from) < 3, Balances: booked("1.00", "2026-03-02")})
	}
	for range 4 {
		if a := w.refresh(); a.Outcome != account.Complete {
			t.Fatalf("%+v", a)
		}
		w.now = w.now.Add(time.Hour)
	}
	const day = 24 * time.Hour
	if first := begin.Add(-90 * day); !from[0].Equal(first) || from[1].After(first.Add(time.Hour)) || from[2].After(first.Add(2*time.Hour)) || !from[3].After(begin.Add(-31*day)) {
		t.Errorf("data is asked for from %s on", from)
	}
}

// TestSecretsAreHidden: no error of an institution, whatever it repeats of the secrets that it gets, shows or stores them (rule 8).
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	for name, repeat := range map[string]func(text string) error{
		"transient":   func(text string) error { return failure.Wrap(failure.Transient, errors.New(text)) },
		"throttled":   func(text string) error { return failure.Throttle(time.Minute, errors.New(text)) },
		"data":        func(text string) error { return failure.Wrap(failure.Data, errors.New(text)) },
		"bug":         func(text string) error { return errors.New(text) },
		"credentials": func(text string) error { return &connector.CredentialsError{Reason: text} },
		"question":    func(text string) error { return &connector.QuestionError{Question: text} },
		"warning":     func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project.ExecConnector)
			w.connection.Settings = map[string]string{"url": "vault:CANARY-SETTING"}
			w.connection.Env = map[string]string{"TOKEN": "vault:CANARY-ENV"}
			if _, err := w.Accounts.SetCredentials(t.Context(), ref, map[string]string{"password": "vault:CANARY-PASSWORD"}); err != nil {
				t.Fatal(err)
			}
			number := w.begin()
			w.fetch = func(context.Context, connector.Login, connector.Request, connector.Delivery) error {
				return &connector.QuestionError{Question: "code?"}
			}
			w.visit(number)
			if _, err := w.Accounts.Answer(t.Context(), ref, "encrypted:CANARY-ANSWER"); err != nil {
				t.Fatal(err)
			}
			w.Decrypt = func(text string) (vault.Secret, error) {
				return vault.NewSecret(strings.TrimPrefix(text, "encrypted:")), nil
			}
			w.fetch = func(ctx context.Context, l connector.Login, _ connector.Request, d connector.Delivery) error {
				secrets := []string{l.Settings["url"], l.Credentials["env.TOKEN"].Reveal(), l.Credentials["password"].Reveal(), l.Answer.Reveal()}
				for _, secret := range secrets {
					if !strings.HasPrefix(secret, canary) {
						t.Errorf("%q is not a secret", secret)
					}
				}
				text := "you sent " + strings.Join(secrets, " and ")
				return errors.Join(d.Changes(ctx, &connector.Changes{Account: ref.Account, Warnings: []string{text}}), repeat(text))
			}
			v, err := w.Visit(t.Context(), ref, number)
			if err != nil {
				if text := err.Error(); strings.Contains(text, canary) || !strings.Contains(text, "you sent") {
					t.Error(text)
				}
				err = w.Conclude(t.Context(), ref, number, Ending{Err: err})
			} else {
				err = w.Conclude(t.Context(), ref, number, Ending{Unanswered: v.Waits})
			}
			if err != nil {
				t.Fatal(err)
			}
			dump := strings.ReplaceAll(w.dump(), "vault:CANARY", "")
			if strings.Contains(dump, canary) || !strings.Contains(dump, "you sent") {
				t.Error(dump)
			}
		})
	}
}

// TestListWaits while refreshes have all sessions, but not for an institution that does not work.
func TestListWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project.CursorConnector)
	w.Pool.Lease = func(ctx context.Context, institution string, a limit.Ask) (limit.Part, error) {
		if len(w.asks) == 0 {
			w.asks <- a
			return limit.Part{Wait: time.Millisecond, For: limit.LeaseTime}, nil
		}
		return w.lease(ctx, institution, a)
	}
	if _, err := w.List(t.Context(), "acme", nil); err != nil || len(w.asks) < 2 {
		t.Errorf("%v after %d asks", err, len(w.asks))
	}
	broken := newWorld(t, project.CursorConnector)
	broken.Pool.Lease = func(context.Context, string, limit.Ask) (limit.Part, error) {
		return limit.Part{Wait: time.Second, For: limit.LeaseTime, Breaker: limit.Breaker{State: limit.Open}}, nil
	}
	if _, err := broken.List(t.Context(), "acme", nil); !errors.As(err, new(*limit.BusyError)) {
		t.Error(err)
	}
}
