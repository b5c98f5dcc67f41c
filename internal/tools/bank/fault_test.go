// Tests of faults: each happens, as often as declared, follows from the seed, and is counted.

package bank

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outcome is what a client sees of a request: a status, or what failed.
func outcome(t testing.TB, client *http.Client, url string, timeout time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err == nil {
		defer response.Body.Close()
		_, err = io.ReadAll(response.Body)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "truncated"
	case err != nil:
		return "reset"
	}
	return response.Status[:3]
}

// single is a client that sends nothing again by itself.
func (b *Bank) single(t testing.TB) *http.Client {
	client := b.client(t)
	transport, _ := client.Transport.(*http.Transport)
	transport.DisableKeepAlives = true
	return client
}

func TestFaultsFollowFromTheSeed(t *testing.T) {
	t.Parallel()
	faults := Faults{Throttle: 0.1, Unavailable: 0.1, Reset: 0.1, Truncate: 0.1, Expire: 0.1, General: 0.1}
	run := func(seed uint64) (seen map[string]int, order []string) {
		b := start(t, Options{Seed: seed, Faults: faults})
		client, seen := b.single(t), map[string]int{}
		for range 200 {
			o := outcome(t, client, b.Accounts()[0].AccessURL+"/accounts", time.Minute)
			seen[o]++
			order = append(order, o)
		}
		r := b.Report()
		for name, o := range map[string]string{"throttle": "429", "unavailable": "503", "reset": "reset", "truncate": "truncated", "expire": "502"} {
			if r.Faults[name] != int64(seen[o]) {
				t.Errorf("%d × %s reported, %d × %s seen", r.Faults[name], name, seen[o], o)
			}
		}
		return seen, order
	}
	seen, order := run(1)
	for o, count := range seen {
		if o != "200" && (count < 8 || count > 40) {
			t.Errorf("%d × %s of 200", count, o)
		}
	}
	if len(seen) != 6 {
		t.Errorf("outcomes: %v", seen)
	}
	if _, again := run(1); !reflect.DeepEqual(order, again) {
		t.Error("equal seeds have different faults")
	}
	if _, other := run(2); reflect.DeepEqual(order, other) {
		t.Error("another seed has the same faults")
	}
}

func TestCutStatements(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 16, Faults: Faults{Cut: 1}})
	a, style := b.Accounts()[0], ofxStyles[2]
	for range 20 {
		status, _, text := answerTo(t, b.client(t), http.MethodPost, b.URL(OFX), style.request(a.User, a.Password, "", style.statement(a, "", "")))
		if status != http.StatusOK || strings.Contains(text, "</OFX>") {
			t.Fatalf("status %d: %s", status, text)
		}
	}
}

func TestOutages(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 17})
	client, url := b.client(t), b.Accounts()[0].AccessURL+"/accounts"
	want := func(o Outage, wanted string) {
		t.Helper()
		if err := b.Outage(o); err != nil {
			t.Fatal(err)
		}
		timeout := time.Minute
		if o == Hang {
			timeout = 200 * time.Millisecond
		}
		if got := outcome(t, client, url, timeout); got != wanted {
			t.Errorf("outage %d: %s, want %s", o, got, wanted)
		}
	}
	want(None, "200")
	want(Unavailable, "503")
	want(Reset, "reset")
	want(Hang, "timeout")
	want(Refused, "refused")
	want(None, "200")
}

func TestScheduledOutages(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 18, Faults: Faults{OutageEvery: 20 * time.Millisecond, OutageFor: 20 * time.Millisecond}})
	client, seen := b.single(t), map[string]bool{}
	deadline := time.Now().Add(30 * time.Second)
	for len(seen) < 5 && time.Now().Before(deadline) {
		seen[outcome(t, client, b.Accounts()[0].AccessURL+"/accounts", 10*time.Millisecond)] = true
	}
	for _, o := range []string{"200", "503", "reset", "timeout", "refused"} {
		if !seen[o] {
			t.Errorf("no outcome %s: %v", o, seen)
		}
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 19})
	client, a := b.client(t), b.Accounts()[0]
	b.Throttle(time.Hour)
	status, header, _ := answerTo(t, client, http.MethodGet, a.AccessURL+"/accounts", "")
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "3600" {
		t.Errorf("status %d, Retry-After %q", status, header.Get("Retry-After"))
	}
	if page := b.syncPage(t, client, a, "", 10); page.ErrorCode != "TRANSACTIONS_LIMIT" {
		t.Errorf("error %q", page.ErrorCode)
	}
	b.counts.mu.Lock()
	b.counts.waitFrom = time.Now().Add(-time.Minute) // the grace is over
	b.counts.mu.Unlock()
	b.Throttle(0)
	if got := outcome(t, client, a.AccessURL+"/accounts", time.Minute); got != "200" {
		t.Errorf("after the throttling: %s", got)
	}
	if r := b.Report(); r.DuringRetryAfter != 1 || r.Violations != 0 {
		t.Errorf("report: %+v", r)
	}
}

func TestLatencyHasTheDeclaredDistribution(t *testing.T) {
	t.Parallel()
	f := Faults{Latency: 100 * time.Millisecond, LatencyP99: time.Second}
	const draws = 20_000
	sum, above := time.Duration(0), 0
	for n := range uint64(draws) {
		l := f.plan(1, n).latency
		sum += l
		if l > f.LatencyP99 {
			above++
		}
	}
	if mean := sum / draws; mean < 90*time.Millisecond || mean > 110*time.Millisecond {
		t.Errorf("mean %v", mean)
	}
	if above < draws/150 || above > draws/70 {
		t.Errorf("%d of %d above the 99th percentile", above, draws)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 22, Accounts: 40, Faults: Faults{Shortened: 0.2, Doubled: 0.2, Altered: 0.2, WrongBalance: 0.2}})
	client, byID := b.client(t), map[string]Account{}
	for _, a := range b.Accounts() {
		byID[a.ID] = a
		posted, sum := statementView(t, b, client, a)
		if truth := b.Truth(a.ID); !reflect.DeepEqual(posted, truth.entries()) || sum != amount(truth.Booked) {
			t.Fatalf("account %s is damaged at the start", a.ID)
		}
	}
	b.Advance(10 * day)
	kinds := map[DamageKind]int{}
	for _, d := range b.Damaged() {
		kinds[d.Kind]++
		if d.Number == 0 || d.Day <= noon().Format(time.DateOnly) {
			t.Errorf("damage %+v", d)
		}
		posted, sum := statementView(t, b, client, byID[d.Account])
		truth := b.Truth(d.Account)
		difference := len(posted) - len(truth.Posted)
		switch same := reflect.DeepEqual(posted, truth.entries()); d.Kind {
		case Shortened, Doubled:
			if want := map[DamageKind]int{Shortened: -1, Doubled: 1}[d.Kind]; difference != want {
				t.Errorf("%v: %d transactions more", d, difference)
			}
		case Altered:
			if difference != 0 || same {
				t.Errorf("%v: altered is %v", d, posted)
			}
		default:
			if !same || sum != amount(truth.Booked+1) {
				t.Errorf("%v: balance %s of %d", d, sum, truth.Booked)
			}
		}
	}
	for k := Shortened; k <= WrongBalance; k++ {
		if kinds[k] == 0 {
			t.Errorf("no account is %v: %v", k, kinds)
		}
	}
	id := b.Damaged()[0].Account
	b.Damage(id, Undamaged)
	posted, sum := statementView(t, b, client, byID[id])
	if truth := b.Truth(id); !reflect.DeepEqual(posted, truth.entries()) || sum != amount(truth.Booked) {
		t.Error("a repaired account is still damaged")
	}
}

func statementView(t testing.TB, b *Bank, client *http.Client, a Account) (posted []string, balance string) {
	t.Helper()
	style := ofxStyles[2]
	root := style.post(t, b, client, style.request(a.User, a.Password, "", style.statement(a, "", "")))
	statement, _ := statementOf(root, a)
	return statement.entries(b), statement.text("LEDGERBAL", "BALAMT")
}

func TestTheWorstIsServed(t *testing.T) {
	t.Parallel()
	o := Worst(1)
	o.Now, o.Accounts, o.Faults.Latency, o.Faults.HangFor = noon, 10, 0, time.Millisecond
	b := start(t, o)
	client, seen := b.single(t), map[string]int{}
	for range 300 {
		seen[outcome(t, client, b.Accounts()[0].AccessURL+"/accounts", time.Minute)]++
	}
	if r := b.Report(); r.Requests != 300 || seen["200"] < 200 || len(seen) < 4 {
		t.Errorf("outcomes %v, report: %+v", seen, r)
	}
}

func TestErrorsOfTheProtocols(t *testing.T) {
	t.Parallel()
	style := ofxStyles[0]
	for name, f := range map[string]struct {
		faults                          Faults
		signOn, statement, code, sfCode string
	}{
		"expire":  {Faults{Expire: 1}, "2000", "2000", "INSTITUTION_NOT_RESPONDING", "502"},
		"general": {Faults{General: 1}, "0", "2000", "INTERNAL_SERVER_ERROR", "act.missingdata"},
	} {
		b := start(t, Options{Seed: 23, Faults: f.faults})
		client, a := b.client(t), b.Accounts()[0]
		root := style.post(t, b, client, style.request(a.User, a.Password, "", style.statement(a, "", "")))
		statement, status := statementOf(root, a)
		if s := root.text("SIGNONMSGSRSV1", "SONRS", "STATUS", "CODE"); s != f.signOn || status != f.statement || len(statement.children) != 0 {
			t.Errorf("%s: sign-on %s, statement %s %v", name, s, status, statement)
		}
		if page := b.syncPage(t, client, a, "", 10); page.ErrorCode != f.code {
			t.Errorf("%s: error %s", name, page.ErrorCode)
		}
		sfStatus, answer := simpleFIN(t, client, a.AccessURL, "version=2&pending=1")
		if sfStatus == http.StatusOK && (len(answer.ErrorList) != 1 || answer.ErrorList[0].Code != f.sfCode || len(answer.Accounts[0].Transactions) != 0) ||
			sfStatus != http.StatusOK && f.sfCode != "502" {
			t.Errorf("%s: status %d, %+v", name, sfStatus, answer)
		}
	}
}

func TestIDsThatDoNotLast(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]Faults{"reissued": {Reissue: 1}, "temporary": {TemporaryIDs: 1}} {
		b := start(t, Options{Seed: 24, Faults: faults})
		client, a := b.client(t), b.Accounts()[0]
		first, _ := statementView(t, b, client, a)
		second, _ := statementView(t, b, client, a)
		if len(first) == 0 || len(first) != len(second) {
			t.Fatalf("%s: %d transactions, then %d", name, len(first), len(second))
		}
		for i, entry := range first {
			without := strings.LastIndex(entry, " ")
			if entry == second[i] || entry[:without] != second[i][:without] {
				t.Errorf("%s: %s, then %s", name, entry, second[i])
			}
		}
		if a.TemporaryIDs != (name == "temporary") {
			t.Errorf("%s: the account says temporary %t", name, a.TemporaryIDs)
		}
		reissued := b.Truth(a.ID).entries()
		if name == "reissued" && !reflect.DeepEqual(reissued, second) {
			t.Errorf("the truth does not have the new ids: %v", reissued)
		}
	}
}
