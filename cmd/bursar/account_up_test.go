//go:build linux

// The story of an account while `bursar up` runs: new credentials after a failed login, a one-time password, a refresh that is joined.

package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/tools/bank"
)

// written is a writer whose text a test waits for.
type written struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{} // closed, and replaced, with each write
}

func newWritten() *written { return &written{changed: make(chan struct{})} }

func (h *written) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.changed)
	h.changed = make(chan struct{})
	return h.text.Write(p)
}

// await waits for a text, at most a minute.
func (h *written) await(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		h.mu.Lock()
		text, changed := h.text.String(), h.changed
		h.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("there is no %q in %s", want, text)
		}
	}
}

// awaitPlace asks where an account is until it is there.
func (p *accountProject) awaitPlace(want string) map[string]any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	for {
		one := item(p.t, p.value("account", "status", p.ref), "accounts", 0)
		if one["place"] == want {
			return one
		}
		if ctx.Err() != nil {
			p.t.Fatalf("account %s is %v, want %s", p.ref, one, want)
		}
	}
}

func TestAccountStory(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "ofx", bank.Options{Seed: 6, Faults: bank.Faults{OneTimePassword: 1}})
	one := p.bank.Accounts()[0]
	for name, value := range map[string]string{"acme_user": one.User, "acme_password": "an old password"} {
		p.with(value, 0, "vault", "set", name)
	}
	u := bringUp(t, p.dir)
	p.must(0, "account", "add", "acme", p.id, "--credential", "user=vault:acme_user", "--credential", "password=vault:acme_password")
	if step := words(p.awaitPlace("credentials"), "step"); !strings.HasPrefix(step, "bursar account relink "+p.ref) {
		t.Errorf("the next step is %s", step)
	}

	said, ended := newWritten(), make(chan outcome, 1)
	go func() {
		var out bytes.Buffer
		code := run(t.Context(), []string{"account", "refresh", p.ref, "--project", p.dir}, &out, said)
		ended <- outcome{code: code, out: out.String()}
	}()
	said.await(t, p.ref+": waits for new credentials; next: bursar account relink")
	p.with(one.Password, 0, "vault", "set", "acme_password")
	p.must(0, "account", "relink", p.ref, "--credential", "password=vault:acme_password")
	said.await(t, p.ref+": asks: ")
	p.must(1, "account", "remove", p.ref)
	p.with(p.bank.OneTimePassword(one.ID), 0, "account", "answer", p.ref)
	if got := <-ended; got.code != 0 || !strings.Contains(got.out, "│ done ") || !strings.Contains(got.out, "│ yes ") || strings.Contains(got.out, one.Password) {
		t.Errorf("the refresh ended with %d: %s", got.code, got.out)
	}
	if balance := p.awaitPlace("done")["balance"]; balance != bankAmount(p.bank.Truth(one.ID).Booked) {
		t.Errorf("the balance is %v, want %s", balance, bankAmount(p.bank.Truth(one.ID).Booked))
	}

	watching, stop := context.WithCancel(t.Context())
	shown, watched := newWritten(), make(chan int, 1)
	go func() {
		watched <- run(watching, []string{"accounts", "status", "--watch", "--project", p.dir}, shown, &bytes.Buffer{})
	}()
	shown.await(t, p.ref)
	stop()
	if code := <-watched; code != 0 {
		t.Errorf("--watch ended with %d", code)
	}
	if list := item(t, p.value("institution", "list"), "institutions", 0); list["accounts"] != 1.0 {
		t.Errorf("the institution is %v", list)
	}
	u.stop(os.Interrupt, 0)
}
