//go:build linux

// Processes that use one project at the same time, and processes that are stopped.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/app"
)

// asMain in the environment makes the test binary be the program with its signals; its value limits the size of the files
// it may write, in bytes, 0 for no limit.
const asMain = "BURSAR_TEST_AS_MAIN"

func init() {
	limit, err := strconv.ParseUint(os.Getenv(asMain), 10, 64)
	if err != nil {
		return // not a child
	}
	if limit > 0 {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	main()
}

// program is a command line in a separate process.
func program(t *testing.T, limit uint64, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", asMain, limit))
	cmd.Stdout, cmd.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return cmd
}

// ended waits for a program.
func ended(t *testing.T, cmd *exec.Cmd, err error) outcome {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), fmt.Sprint(cmd.Stdout), fmt.Sprint(cmd.Stderr)}
}

// TestInterrupt sends a signal to an intake half-way.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	const n = 300_000
	path := events(t, dir, n)
	cmd := program(t, 0, "ingest", "payments", path, "--project", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C { // until it has the project
		if _, err := os.Stat(filepath.Join(dir, ".bursar", "lock.json")); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := ended(t, cmd, cmd.Wait()); got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "error: interrupted") {
		t.Errorf("got %+v", got)
	}
	wantBacklogAndArtifacts(t, dir, 0, 0)
	v := value(t, must(t, 0, "ingest", "payments", path, "--project", dir, "--json"))
	if v["batch"] != 1.0 || v["accepted"] != float64(n) {
		t.Errorf("ingest says %v", v)
	}
}

// TestTwoProcesses lets two processes ingest the same and other events at the same time: one waits for the other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	a, b := file(t, dir, "a.jsonl", good("1")+good("2")), file(t, dir, "b.jsonl", good("2")+good("3"))
	first := program(t, 0, "ingest", "payments", a, "--project", dir, "--json")
	second := program(t, 0, "ingest", "payments", b, "--project", dir, "--json")
	if err := errors.Join(first.Start(), second.Start()); err != nil {
		t.Fatal(err)
	}
	accepted := 0.0
	for _, cmd := range []*exec.Cmd{first, second} {
		got := ended(t, cmd, cmd.Wait())
		if got.code != 0 {
			t.Fatalf("got %+v", got)
		}
		accepted += number(value(t, got), "accepted")
	}
	if accepted != 3 {
		t.Errorf("%v events were accepted, want 3", accepted)
	}
	wantBacklogAndArtifacts(t, dir, 3, 0)
}

// TestLockedProject waits the full ten seconds for a project that another process has locked.
func TestLockedProject(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits ten seconds")
	}
	dir := shop(t)
	release, err := app.Lock(t.Context(), dir, "run", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer release() //nolint:errcheck // the folder goes with the test
	cmd := program(t, 0, "status", "--project", dir)
	got := ended(t, cmd, cmd.Run())
	want := fmt.Sprintf("error: project is locked by process %d (`bursar run`) since ", os.Getpid())
	if got.code != 1 || !strings.HasPrefix(got.err, want) || !strings.HasSuffix(got.err, "; wait for it or stop it [transient]\n") {
		t.Errorf("got %+v, want %s", got, want)
	}
}
