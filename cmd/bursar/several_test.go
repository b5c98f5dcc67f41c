//go:build linux && !race

// Tests of several processes that use a project at the same time, and of what happens when one of them dies, sleeps, pauses or ends.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/role"
	"bursar/internal/temporal/temporaltest"
)

const (
	// noticed is how long a process is silent before its stream is given to another one, and slack how long the next owner may take to start,
	// on a machine that does many other things.
	noticed = 8 * time.Second
	slack   = 22 * time.Second
)

// listed is the list of processes.
func listed(t *testing.T, dir string) (workers []map[string]any) {
	t.Helper()
	for _, w := range listIn(t, value(t, must(t, 0, "worker", "list", "--project", dir, "--json")), "workers") {
		if v, ok := w.(map[string]any); ok {
			workers = append(workers, v)
		}
	}
	return workers
}

// does reports whether the list says that a process does something at the moment.
func does(t *testing.T, dir string, m *serving, what string) bool {
	t.Helper()
	return slices.ContainsFunc(listed(t, dir), func(w map[string]any) bool {
		list, _ := w["does"].([]any)
		return w["id"] == m.id() && slices.Contains(list, any(what))
	})
}

// stateOf returns the state of a process in the list.
func stateOf(t *testing.T, dir string, m *serving) (state any) {
	t.Helper()
	for _, w := range listed(t, dir) {
		if w["id"] == m.id() {
			state = w["state"]
		}
	}
	return state
}

// ownerOf returns the serving that owns the stream payments, once one does.
func ownerOf(t *testing.T, dir string, members ...*serving) (owner *serving, others []*serving) {
	t.Helper()
	until(t, "a process owns payments", noticed+slack, func() bool {
		i := slices.IndexFunc(members, func(m *serving) bool { return does(t, dir, m, "owns payments") })
		if i < 0 {
			return false
		}
		owner, others = members[i], slices.Delete(slices.Clone(members), i, i+1)
		return true
	})
	return owner, others
}

// several are the processes of TestSeveralProcesses.
type several struct {
	t        *testing.T
	commands string // folder in which commands are given
	ups      []*serving
	workers  []*serving
	ledger   *sentLedger
}

// TestSeveralProcesses has two `bursar up` and two workers on one project, and clients of all kinds, while their processes are killed, suspended,
// paused and stopped in turn.
func TestSeveralProcesses(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t)
	dir := severalProject(t, postgrestest.URL(t), store.Endpoint, store, temporaltest.Shared(t))
	addWarehouse(t, dir, postgrestest.URL(t))
	logs := t.ArtifactDir()
	s := &several{t: t, commands: elsewhere(t, dir), ledger: newLedger()}
	for i := range 2 {
		s.ups = append(s.ups, newServing(t, fmt.Sprint("up", i), elsewhere(t, dir), logs, "up"))
		s.workers = append(s.workers, newServing(t, fmt.Sprint("worker", i), elsewhere(t, dir), logs, "worker", "--roles", "reconcile,index"))
	}
	mustStart(t, append(s.workers, s.ups...)...)
	s.checkList()
	s.everywhere()
	stop := s.lookRegularly()
	s.killOwner()
	s.suspendOwner()
	s.pauseAndDrain()
	stop()
	stopAll(t, s.ups[0], s.ups[1], s.workers[0])
	must(t, 0, "run", "--project", s.commands)
	must(t, 0, "publish", "--project", s.commands)
	must(t, 0, "publish", "--verify", "--project", s.commands)
	must(t, 0, "verify", "--project", s.commands)
	s.ledger.check(t, s.commands)
}

// addWarehouse gives a project a warehouse in PostgreSQL.
func addWarehouse(t *testing.T, dir, url string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "bursar.yaml", fmt.Sprintf("%swarehouse: {kind: postgres, url: %q}\n", config, url))
}

// checkList checks who is in the list, with which roles, and that one process owns each stream.
func (s *several) checkList() {
	s.t.Helper()
	ownerOf(s.t, s.commands, s.ups...)
	list := listed(s.t, s.commands)
	for _, m := range append(s.ups, s.workers...) {
		i := slices.IndexFunc(list, func(w map[string]any) bool { return w["id"] == m.id() })
		if i < 0 {
			s.t.Fatalf("%s (%s) is not in the list %v", m.name, m.id(), list)
		}
		roles := []any{"reconcile", "index"}
		if slices.Contains(s.ups, m) {
			roles = nil
			for _, r := range role.All() {
				roles = append(roles, string(r))
			}
		}
		if got, _ := list[i]["roles"].([]any); !slices.Equal(got, roles) || list[i]["state"] != "working" {
			s.t.Errorf("%s is listed as %v", m.name, list[i])
		}
	}
	if a, b := does(s.t, s.commands, s.ups[0], "owns payments"), does(s.t, s.commands, s.ups[1], "owns payments"); a && b {
		s.t.Error("both own payments")
	}
}

// everywhere sends events to each process, by requests, from another folder and by the inbox.
func (s *several) everywhere() {
	s.t.Helper()
	for i, m := range s.ups {
		for n := range 4 {
			key := ""
			if n%2 == 1 {
				key = fmt.Sprint("key-", i, "-", n)
			}
			if !s.ledger.send(s.t.Context(), s.t, m, 1+n, key) {
				s.t.Errorf("%s does not acknowledge", m.name)
			}
		}
	}
	text, ids := s.ledger.events("command", 50)
	must(s.t, 0, "ingest", "payments", file(s.t, s.t.TempDir(), "command.jsonl", text), "--project", s.commands)
	s.ledger.acknowledge(ids)
	for _, m := range s.ups {
		text, ids := s.ledger.events("inbox", 5)
		file(s.t, m.dir, "inbox/payments/new.jsonl", text)
		until(s.t, "the inbox is empty", time.Minute, func() bool {
			list, _ := filepath.Glob(filepath.Join(m.dir, "inbox", "payments", "taken", "*"))
			return len(list) > 0
		})
		s.ledger.acknowledge(ids)
	}
}

// lookRegularly executes commands that only read, until stop is called.
func (s *several) lookRegularly() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	path := filepath.Join(s.t.TempDir(), "orders.jsonl")
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			args := [][]string{{"status"}, {"get", "orders", `["o-1001","USD"]`}, {"export", "orders", "--to", path}, {"verify", "orders"}}[i%4]
			if got := bursarIn(ctx, append(args, "--project", s.commands)...); got.code != 0 && ctx.Err() == nil {
				s.t.Errorf("%s ends with %d: %s%s", args[0], got.code, got.out, got.err)
			}
		}
	})
	return func() { cancel(); group.Wait() }
}

// killOwner kills the owner of the stream: the other one acknowledges as soon as its heartbeats are missed.
func (s *several) killOwner() {
	s.t.Helper()
	owner, others := ownerOf(s.t, s.commands, s.ups...)
	s.ledger.send(s.t.Context(), s.t, owner, 7, "before-the-kill") // it is in the spool
	body, ids := s.ledger.events("kill", 3)
	owner.killed()
	took := until(s.t, "the other process acknowledges", noticed+slack, func() bool {
		return s.ledger.sendBody(s.t.Context(), s.t, others[0], body, ids, "after-the-kill")
	})
	s.t.Logf("events were acknowledged %s after the owner was killed", took)
	mustStart(s.t, owner)
	if !s.ledger.send(s.t.Context(), s.t, owner, 1, "") {
		s.t.Error("the process that was started again does not acknowledge")
	}
}

// suspendOwner suspends the owner of the stream for longer than its heartbeats may be missed.
func (s *several) suspendOwner() {
	s.t.Helper()
	owner, others := ownerOf(s.t, s.commands, s.ups...)
	suspend(s.t, owner.cmd.Process)
	late, lateIDs := s.ledger.events("late", 3)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.ledger.sendBody(s.t.Context(), s.t, owner, late, lateIDs, "late")
	}()
	body, ids := s.ledger.events("suspend", 3)
	took := until(s.t, "the other process acknowledges", noticed+slack, func() bool {
		return s.ledger.sendBody(s.t.Context(), s.t, others[0], body, ids, "while-suspended")
	})
	s.t.Logf("events were acknowledged %s after the owner was suspended", took)
	until(s.t, "the suspended process is listed as silent", slack, func() bool { return stateOf(s.t, s.commands, owner) == "silent" })
	owner.signal(syscall.SIGCONT)
	<-ended // it was forwarded, or refused
	until(s.t, "the process acknowledges again", slack, func() bool { return s.ledger.send(s.t.Context(), s.t, owner, 2, "") })
	if !s.ledger.sendBody(s.t.Context(), s.t, owner, late, lateIDs, "late") {
		s.t.Error("the late request is not acknowledged when it is repeated")
	}
}

// pauseAndDrain pauses the owner, resumes it, and drains a worker.
func (s *several) pauseAndDrain() {
	s.t.Helper()
	owner, others := ownerOf(s.t, s.commands, s.ups...)
	ask := func(what string, m *serving) string {
		return must(s.t, 0, "worker", what, m.id(), "--project", s.commands).out
	}
	if got := ask("resume", owner); !strings.Contains(got, " is working already.") {
		s.t.Errorf("resume of a working process: %s", got)
	}
	ask("pause", owner)
	until(s.t, "the owner is paused", slack, func() bool { return stateOf(s.t, s.commands, owner) == "paused" })
	if got := ask("pause", owner); !strings.Contains(got, " is paused already.") {
		s.t.Errorf("pause of a paused process: %s", got)
	}
	if !strings.Contains(owner.tail(), "this process was asked to pause") {
		s.t.Errorf("the paused process logs %s", owner.tail())
	}
	until(s.t, "the other process owns payments", slack, func() bool { return does(s.t, s.commands, others[0], "owns payments") })
	for _, m := range s.ups {
		if !s.ledger.send(s.t.Context(), s.t, m, 2, "") {
			s.t.Errorf("%s does not acknowledge while one is paused", m.name)
		}
	}
	ask("resume", owner)
	ask("pause", others[0])
	until(s.t, "the resumed process owns payments", slack, func() bool { return does(s.t, s.commands, owner, "owns payments") })
	ask("resume", others[0])
	ask("drain", s.workers[1])
	s.workers[1].wantEnd()
	if !s.ledger.send(s.t.Context(), s.t, owner, 2, "") {
		s.t.Error("the resumed process does not acknowledge")
	}
}
