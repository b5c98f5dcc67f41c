// Tests of sessions at an institution that works.

package connectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
)

func listSorted(t *testing.T, v *visit) {
	accounts, err := v.list(t)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, a := range accounts {
		ids = append(ids, a.ID)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) || len(ids) == 0 {
		t.Errorf("listed %q", ids)
	}
	if again, err := v.list(t); err != nil || !slices.Equal(accounts, again) {
		t.Errorf("listed %v, then %v: %v", accounts, again, err)
	}
}

// fetchListed checks that List names accounts as Fetch expects them.
func fetchListed(t *testing.T, v *visit) {
	accounts, err := v.list(t)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(accounts, func(a connector.Account) bool { return a.ID == v.Request.Account }) {
		t.Errorf("account %s is not listed: %v", v.Request.Account, accounts)
	}
	for _, a := range accounts {
		r := &Recorder{}
		if err := v.fetch(t.Context(), t, a.ID, r); err != nil || r.parts() == 0 {
			t.Errorf("account %s: %d parts, %v", a.ID, r.parts(), err)
		}
	}
}

func fetchRepeatable(t *testing.T, v *visit) {
	first, err := v.fetchAll(t)
	if err != nil || first.parts() == 0 {
		t.Fatalf("%d parts, %v", first.parts(), err)
	}
	if second, err := v.fetchAll(t); err != nil || v.textOf(first) != v.textOf(second) {
		t.Errorf("%v; delivered %s", err, difference(v.textOf(first), v.textOf(second)))
	}
	for i := range first.Reports {
		if c := &first.Reports[i]; c.Account != v.Request.Account || c.Currency == "" {
			t.Errorf("changes of account %q in %q", c.Account, c.Currency)
		}
	}
}

func wrongCredentials(t *testing.T, v *visit) {
	v.Spoil(&v.login)
	var rejected *connector.CredentialsError
	if _, err := v.list(t); !errors.As(err, &rejected) {
		t.Errorf("list: %v", err)
	}
	r, err := v.fetchAll(t)
	if !errors.As(err, &rejected) || r.parts() > 0 {
		t.Errorf("fetch: %d parts, %v", r.parts(), err)
	}
	v.checkError(t, err, failure.Data)
}

func unknownAccount(t *testing.T, v *visit) {
	r := &Recorder{}
	err := v.fetch(t.Context(), t, v.Unknown, r)
	var unknown *connector.UnknownAccountError
	if !errors.As(err, &unknown) || unknown.Account != v.Unknown || r.parts() > 0 {
		t.Errorf("%d parts, %v", r.parts(), err)
	}
}

func missingCredential(t *testing.T, v *visit) {
	all := v.login.Credentials
	for name := range all {
		v.login.Credentials = maps.Clone(all)
		delete(v.login.Credentials, name)
		_, err := v.list(t)
		if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if v.permits.Load() > 0 {
		t.Error("requests were sent without credentials")
	}
}

// permits checks the institution's count, which no connector can influence.
func permits(t *testing.T, v *visit) {
	if _, err := v.list(t); err != nil {
		t.Fatal(err)
	}
	if _, err := v.fetchAll(t); err != nil {
		t.Fatal(err)
	}
	given := v.permits.Load()
	if given == 0 || v.institution != nil && v.institution.Requests() != given {
		t.Errorf("%d permits were asked for", given)
	}
}

func permitFails(t *testing.T, v *visit) {
	errClosed := failure.Wrap(failure.Throttled, errors.New("the institution's breaker is open"))
	v.permit = func(context.Context) error { return errClosed }
	r, err := v.fetchAll(t)
	if !errors.Is(err, errClosed) || failure.Of(err) != failure.Throttled || r.parts() > 0 {
		t.Errorf("%d parts, %v", r.parts(), err)
	}
	if v.permits.Load() != 1 || v.institution != nil && v.institution.Requests() > 0 {
		t.Errorf("%d permits were asked for", v.permits.Load())
	}
}

// deliveryFails checks that the first error of a delivery ends the session, and is returned.
func deliveryFails(t *testing.T, v *visit) {
	r := &Recorder{Err: failure.Wrap(failure.Transient, errors.New("the disk is full"))}
	err := v.fetch(t.Context(), t, v.Request.Account, r)
	if !errors.Is(err, r.Err) || failure.Of(err) != failure.Transient || r.parts() != 1 {
		t.Errorf("%d parts, %v", r.parts(), err)
	}
}

func cancelledBefore(t *testing.T, v *visit) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &Recorder{}
	if err := v.fetch(ctx, t, v.Request.Account, r); !errors.Is(err, context.Canceled) || r.parts() > 0 {
		t.Errorf("%d parts, %v", r.parts(), err)
	}
}

func progress(t *testing.T, v *visit) {
	calls, last := 0, 0
	v.Request.Progress = func(done, total int) {
		if done < last || total > 0 && done > total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		calls, last = calls+1, done
	}
	if _, err := v.fetchAll(t); err != nil || calls == 0 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// sideBySide checks that a connector is safe for concurrent use.
func sideBySide(t *testing.T, v *visit) {
	const sessions = 4
	var group sync.WaitGroup
	results := make([]string, sessions)
	for i := range sessions {
		group.Go(func() {
			r, err := v.fetchAll(t)
			if err != nil {
				t.Error(err)
			}
			results[i] = v.textOf(r)
		})
	}
	group.Wait()
	for _, result := range results[1:] {
		if result != results[0] {
			t.Errorf("delivered %s", difference(results[0], result))
		}
	}
}

// textOf returns what was delivered without what differs in each answer.
func (v *visit) textOf(r *Recorder) string {
	stable := *r
	if v.Stable != nil {
		stable.Documents = map[string]string{}
		for name, content := range r.Documents {
			stable.Documents[name] = v.Stable(content)
		}
	}
	return stable.String()
}

// difference shows where two texts begin to differ.
func difference(a, b string) string {
	const shown = 200
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return fmt.Sprintf("%q and %q", a[n:min(len(a), n+shown)], b[n:min(len(b), n+shown)])
}

func noSecretsDelivered(t *testing.T, v *visit) {
	r, err := v.fetchAll(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range v.secrets() {
		if strings.Contains(r.String(), secret) {
			t.Errorf("a delivery contains %q", secret)
		}
	}
}

// minSecret is the length from which values are hidden.
const minSecret = 4

// secrets are the credentials and the answer, and the users and passwords of those that are URLs.
func (v *visit) secrets() []string {
	var found []string
	for _, c := range append(slices.Collect(maps.Values(v.login.Credentials)), v.login.Answer) {
		values := []string{c.Reveal()}
		if address, err := url.Parse(c.Reveal()); err == nil && address.User != nil {
			password, _ := address.User.Password()
			values = append(values, address.User.Username(), password, address.User.String())
		}
		for _, value := range values {
			if len(value) >= minSecret {
				found = append(found, value)
			}
		}
	}
	return found
}
