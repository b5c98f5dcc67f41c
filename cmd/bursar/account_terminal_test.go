//go:build linux

// A test of a refresh at a terminal: the person there is asked for the one-time password, which is not shown.

package main

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"bursar/internal/tools/bank"
)

func TestRefreshAsks(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "ofx", bank.Options{Seed: 7, Faults: bank.Faults{OneTimePassword: 1}})
	one := p.bank.Accounts()[0]
	p.with(one.User, 0, "vault", "set", "acme_user")
	p.with(one.Password, 0, "vault", "set", "acme_password")
	p.must(0, "account", "add", "acme", p.id, "--credential", "user=vault:acme_user", "--credential", "password=vault:acme_password")
	person, process := openTerminal(t)
	var printed strings.Builder
	c := newCLI(&printed, process)
	c.in = process
	done := make(chan int, 1)
	go func() { done <- c.execute(t.Context(), []string{"account", "refresh", p.ref, "--project", p.dir}) }()
	for deadline := time.Now().Add(time.Minute); showsInput(t, process) && time.Now().Before(deadline) && len(done) == 0; {
		runtime.Gosched() // the command is about to ask
	}
	answer := p.bank.OneTimePassword(one.ID)
	if _, err := io.WriteString(person, answer+"\n"); err != nil {
		t.Fatal(err)
	}
	code := <-done
	_ = process.Close()
	shown, _ := io.ReadAll(person) // its end is an error
	if code != 0 || !strings.Contains(string(shown), "asks: ") || !strings.Contains(printed.String(), "done") || strings.Contains(string(shown)+printed.String(), answer) {
		t.Errorf("exit code %d, the terminal shows %q, printed %s", code, shown, printed.String())
	}
}
