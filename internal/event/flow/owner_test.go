//go:build !race

// Tests of an owner on a real server that is asked to end, or loses the server, while it is at work.

package flow

import (
	"log/slog"
	"testing"
	"time"

	"bursar/internal/temporal"
	"bursar/internal/temporal/temporaltest"
)

// never fails the test if something arrives within a time.
func never(t *testing.T, from chan string, within time.Duration, what string) {
	t.Helper()
	select {
	case <-from:
		t.Fatal(what)
	case <-time.After(within):
	}
}

// TestServerWaitsForBusyOwner asks for a stream whose owner needs longer than the heartbeat timeout to end, as during the intake of a large file: the
// stream is its own until then.
func TestServerWaitsForBusyOwner(t *testing.T) {
	t.Parallel()
	c := serve(t)
	busy := startProcess(t, c, "busy", "", false)
	busy.hold = make(chan struct{})
	busy.ask(t, "a")
	receive(t, busy.owned, "the one that asked owns it")
	next := startProcess(t, c, "next", "", false, busy)
	next.ask(t, "b")
	never(t, next.owned, shortestTurn+heartbeatTimeout+4*time.Second, "the stream was given to another process before its owner had ended")
	close(busy.hold)
	receive(t, busy.ended, "the owner ends")
	receive(t, next.owned, "the next owns it")
}

// TestClusterOutage kills the server while a process owns a stream. The owner goes on, until the server is back and has missed its heartbeats.
func TestClusterOutage(t *testing.T) {
	t.Parallel()
	server := temporaltest.Start(t, temporaltest.Options{})
	connection, err := temporal.Dial(t.Context(), temporal.Options{
		Address: server.Address, Namespace: server.Namespace(t), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Stop)
	one := startProcess(t, connection.Client(), "one", "", false)
	one.ask(t, "a")
	receive(t, one.owned, "the one that asked owns it")
	server.Kill(t)
	never(t, one.ended, 2*heartbeatTimeout, "the owner has ended because there is no server")
	server.Restart(t)
	receive(t, one.ended, "the server has missed heartbeats")
}
