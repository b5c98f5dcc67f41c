//go:build linux && !race

// An owner that sleeps for half a minute: what it does late changes nothing.

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// suspended is how long the owner sleeps: far longer than its heartbeats may be missed.
const suspended = 30 * time.Second

// TestSoakSuspendedOwner suspends the owner of a stream, with an open batch, for half a minute. Another process takes the stream over, seals and
// publishes. When the first goes on, what it still had to seal changes nothing.
func TestSoakSuspendedOwner(t *testing.T) {
	onlyInSoak(t)
	store := s3test.Versitygw(t)
	dir := severalProject(t, postgrestest.URL(t), store.Endpoint, store, temporaltest.Shared(t))
	s := &several{t: t, commands: elsewhere(t, dir), ledger: newLedger()}
	for i := range 2 {
		s.ups = append(s.ups, newServing(t, fmt.Sprint("up", i), elsewhere(t, dir), t.ArtifactDir(), "up"))
	}
	mustStart(t, s.ups...)
	owner, others := ownerOf(t, s.commands, s.ups...)
	for range 3 {
		s.ledger.send(t.Context(), t, owner, 5, "")
	}
	suspend(t, owner.cmd.Process)
	began := time.Now()
	body, ids := s.ledger.events("meanwhile", 3)
	took := until(t, "the other process acknowledges", noticed+slack, func() bool {
		return s.ledger.sendBody(t.Context(), t, others[0], body, ids, "meanwhile")
	})
	t.Logf("events were acknowledged %s after the owner was suspended", took)
	must(t, 0, "run", "--project", s.commands)
	before := s.digest()
	<-time.After(time.Until(began.Add(suspended)))
	owner.signal(syscall.SIGCONT)
	until(t, "the former owner notices", slack, func() bool {
		return strings.Contains(owner.logged(), "another process has taken a stream from this one")
	})
	must(t, 0, "run", "--project", s.commands)
	if after := s.digest(); after != before {
		t.Errorf("the export has changed from %s to %s", before, after)
	}
	until(t, "the process acknowledges again", slack, func() bool { return s.ledger.send(t.Context(), t, owner, 2, "") })
	stopAll(t, s.ups...)
	must(t, 0, "run", "--project", s.commands)
	must(t, 0, "verify", "--project", s.commands)
	s.ledger.check(t, s.commands)
}

// digest is that of the export of orders.
func (s *several) digest() string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "orders.jsonl")
	return fmt.Sprint(value(s.t, must(s.t, 0, "export", "orders", "--to", path, "--project", s.commands, "--json"))["digest"])
}
