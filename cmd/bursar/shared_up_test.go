//go:build linux

// Tests of `bursar up` on a project whose state is on servers: what it acknowledged survives its machine.

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"bursar/internal/postgres/postgrestest"
)

// wantKnown ingests events again, and expects that all of them are known.
func wantKnown(t *testing.T, dir string, ids ...string) {
	t.Helper()
	var text strings.Builder
	for _, id := range ids {
		text.WriteString(good(id))
	}
	v := value(t, must(t, 0, "ingest", "payments", file(t, t.TempDir(), "known.jsonl", text.String()), "--project", dir, "--json"))
	if v["duplicates"] != float64(len(ids)) {
		t.Errorf("of %d acknowledged events are known: %v", len(ids), v)
	}
}

// TestSharedUpKilled kills `bursar up` with acknowledged events that are not sealed, on several machines in turn: a command on another machine seals them.
func TestSharedUpKilled(t *testing.T) {
	t.Parallel()
	dir, _ := sharedProject(t)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", good("first")), "--project", dir) // makes the key of identities
	other := elsewhere(t, dir)
	u, known := waiting(t, dir), []string{"waits"}
	for i, successor := range []string{other, dir, other} {
		if i > 0 {
			u = bringUp(t, dir)
		}
		for n := range 5 {
			id := fmt.Sprintf("e%d.%d", i, n)
			if code, body := u.post(good(id), id); code != http.StatusOK {
				t.Fatalf("%d %s", code, body)
			}
			known = append(known, id)
		}
		if i == 0 {
			must(t, 0, "verify", "--project", dir)
		}
		u.stop(syscall.SIGKILL, -1)
		must(t, 0, "verify", "--project", successor)
		must(t, 0, "run", "--project", successor)
		must(t, 0, "verify", "--project", successor)
	}
	wantKnown(t, other, known...)
	u = bringUp(t, dir)
	if code, body := u.post(good("e0.0"), "e0.0"); code != http.StatusOK || !strings.Contains(body, `"repeated":true`) {
		t.Errorf("a repeated request: %d %s", code, body)
	}
	u.stop(syscall.SIGTERM, 0)
	must(t, 0, "run", "--project", other)
	must(t, 0, "verify", "--project", other)
}

// suspend stops a process, and waits until all its threads have stopped.
func suspend(t *testing.T, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	runs := func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && !strings.Contains(string(text), ") T ")
	}
	for {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("the process has no threads: %v", err)
		}
		if !slices.ContainsFunc(threads, runs) {
			return
		}
	}
}

// TestFormerOwnerServes stops `bursar up` and cuts its connections, so that another process takes the project over. When the first is continued, it
// acknowledges nothing, changes nothing, and ends.
func TestFormerOwnerServes(t *testing.T) {
	t.Parallel()
	dir, database := sharedProject(t)
	must(t, 0, "ingest", "payments", file(t, dir, "first.jsonl", good("first")), "--project", dir) // makes the key of identities
	other := elsewhere(t, dir)
	u := waiting(t, dir)
	suspend(t, u.cmd.Process)
	type answer struct {
		code int
		err  error
	}
	answered := make(chan answer)
	go func() { // the connection is accepted by the system, as long as the process is stopped
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, u.base+"/v1/streams/payments/events", strings.NewReader(good("late")))
		if err != nil {
			answered <- answer{err: err}
			return
		}
		r.Header.Set("Authorization", "Bearer "+u.token)
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- answer{err: err}
			return
		}
		answered <- answer{got.StatusCode, got.Body.Close()}
	}()
	postgrestest.ExecIn(t, database,
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	must(t, 0, "ingest", "payments", file(t, other, "other.jsonl", good("other")), "--project", other)
	must(t, 0, "run", "--project", other)
	if err := u.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; got.err == nil && got.code < 500 {
		t.Errorf("the former owner answers %d", got.code)
	}
	u.ended(1)
	if text := fmt.Sprint(u.cmd.Stderr); !strings.Contains(text, "taken over the project") {
		t.Errorf("up says %s", text)
	}
	must(t, 0, "verify", "--project", other)
	wantKnown(t, other, "waits", "other")
	if v := value(t, must(t, 0, "ingest", "payments", file(t, other, "late.jsonl", good("late")), "--project", other, "--json")); v["accepted"] != 1.0 {
		t.Errorf("the event that was not acknowledged: %v", v)
	}
	must(t, 0, "run", "--project", other)
	must(t, 0, "verify", "--project", other)
}
