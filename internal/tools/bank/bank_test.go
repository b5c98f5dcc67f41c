// Tests of the books: they follow from the seed, add up, and change while time passes; and a client for the tests of the protocols.

package bank

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// noon is the time of most tests.
func noon() time.Time { return time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC) }

func start(t testing.TB, o Options) *Bank {
	t.Helper()
	if o.Now == nil {
		o.Now = noon
	}
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func (b *Bank) client(t testing.TB) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b.RootCA()) {
		t.Fatal("the authority is not a certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 16}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// answerTo sends a request and returns the status, the header and the body.
func answerTo(t testing.TB, client *http.Client, method, url, body string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// truths are those of all accounts, without the addresses in them.
func truths(b *Bank) (list []Truth) {
	for _, a := range b.Accounts() {
		list = append(list, b.Truth(a.ID))
	}
	return list
}

func TestBooksFollowFromTheSeed(t *testing.T) {
	t.Parallel()
	options := Options{Seed: 7, Accounts: 20, Activity: Activity{Correct: 0.1}}
	atOnce, stepwise := start(t, options), start(t, options)
	before := truths(atOnce)
	if !reflect.DeepEqual(before, truths(stepwise)) {
		t.Fatal("equal seeds have different books at the start")
	}
	atOnce.Advance(20 * day)
	for range 40 {
		stepwise.Advance(day / 2)
		stepwise.Truth(stepwise.Accounts()[3].ID) // looking changes nothing
	}
	after := truths(atOnce)
	if !reflect.DeepEqual(after, truths(stepwise)) {
		t.Error("the books depend on when somebody looks")
	}
	if reflect.DeepEqual(before, after) {
		t.Error("nothing happened within 20 days")
	}
	options.Seed++
	if reflect.DeepEqual(before, truths(start(t, options))) {
		t.Error("another seed has the same books")
	}
}

func TestBooksAddUp(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 1, Accounts: 50, Activity: Activity{Correct: 0.05}})
	ids, cards := map[string]bool{}, 0
	for range 3 {
		b.Advance(10 * day)
		for _, a := range b.Accounts() {
			truth := b.Truth(a.ID)
			sum := truth.Opening
			last := ""
			for _, e := range truth.Posted {
				sum += e.Cents
				if e.Day < last || e.Day > b.Now().Format(time.DateOnly) || e.ID == "" {
					t.Fatalf("account %s: entry %+v after %s", a.ID, e, last)
				}
				last = e.Day
			}
			if sum != truth.Booked {
				t.Fatalf("account %s: opening and entries are %d, the balance %d", a.ID, sum, truth.Booked)
			}
			ids[a.ID] = true
			if a.Type == card && truth.Due > 0 {
				cards++
			}
		}
	}
	if len(ids) != 50 || cards == 0 {
		t.Errorf("%d different accounts, %d cards with a due amount", len(ids), cards)
	}
}

func TestActsOnALedger(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 2, Activity: Activity{PerMonth: -1}})
	id := b.Accounts()[0].ID
	var tipped, gone, booked int64
	b.Act(id, func(l *Ledger) {
		tipped, gone, booked = l.Pend(-2000), l.Pend(-100), l.Book(5000)
		if l.Vanish(booked) || l.Post(booked, 1) || l.Correct(tipped, 1) {
			t.Error("an act succeeded on a transaction in another state")
		}
	})
	pending := b.Truth(id)
	if len(pending.Pending) != 2 || pending.Booked-pending.Opening != 5000 {
		t.Fatalf("after pending ones: %+v", pending)
	}
	b.Act(id, func(l *Ledger) {
		if !l.Post(tipped, -2300) || !l.Vanish(gone) || !l.Correct(booked, 4900) {
			t.Error("an act failed")
		}
	})
	truth := b.Truth(id)
	if len(truth.Pending) != 0 || len(truth.Posted) != 2 || truth.Booked-truth.Opening != 4900-2300 {
		t.Fatalf("after posting: %+v", truth)
	}
	if truth.Posted[1].Number != tipped || truth.Posted[1].ID == pending.Pending[0].ID || truth.Posted[0].ID != pending.Posted[0].ID {
		t.Errorf("ids: %+v after %+v", truth, pending)
	}
	b.Relink(id)
	for i, e := range b.Truth(id).Posted {
		if old := truth.Posted[i]; e.ID == old.ID || e.Number != old.Number || e.Cents != old.Cents {
			t.Errorf("relinked %+v is %+v", old, e)
		}
	}
	moved := b.Move(id)
	if b.find(id) != nil || b.Truth(moved).Booked != truth.Booked {
		t.Errorf("account %s was not moved to %s", id, moved)
	}
}
