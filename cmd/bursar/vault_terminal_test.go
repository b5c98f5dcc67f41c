//go:build linux

// A test of the prompt of `bursar vault set`: a terminal does not show the value.

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"bursar/internal/vault"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a pseudo terminal: what a person has, and what a process has.
func openTerminal(t *testing.T) (person, process *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() }) // it may be closed
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	process, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	return person, process
}

func showsInput(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestVaultPrompt(t *testing.T) {
	t.Setenv("BURSAR_VAULT_KEY", "")
	t.Setenv("BURSAR_VAULT_KEY_FILE", filepath.Join(t.TempDir(), "key"))
	dir := filepath.Join(t.TempDir(), "project")
	must(t, 0, "init", dir)
	must(t, 0, "vault", "init", "--project", dir)
	person, process := openTerminal(t)
	var printed strings.Builder
	c := newCLI(&printed, process)
	c.in = process
	done := make(chan int, 1)
	go func() { done <- c.execute(t.Context(), []string{"vault", "set", "bank_password", "--project", dir}) }()
	for deadline := time.Now().Add(time.Minute); showsInput(t, process) && time.Now().Before(deadline) && len(done) == 0; {
		runtime.Gosched() // the command is about to ask
	}
	if _, err := io.WriteString(person, "hunter2\n"); err != nil {
		t.Fatal(err)
	}
	code := <-done
	if !showsInput(t, process) {
		t.Error("the terminal does not show input after the command")
	}
	_ = process.Close()
	shown, _ := io.ReadAll(person) // its end is an error
	if code != 0 || !strings.Contains(string(shown), "Value of bank_password (it is not shown): ") || strings.Contains(string(shown)+printed.String(), "hunter2") {
		t.Errorf("exit code %d, the terminal shows %q, printed %q", code, shown, printed.String())
	}
	if got, err := vault.New(dir, vault.ProcessEnvironment()).Resolve("bank_password"); err != nil || got.Reveal() != "hunter2" {
		t.Errorf("the value is %q, %v", got.Reveal(), err)
	}
}
