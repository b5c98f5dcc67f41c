//go:build !race

// The workflow on a cluster: what the embedded server does, a server that is killed, and another project in the namespace.

package flow

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/failure"
	"bursar/internal/role"
	"bursar/internal/temporal"
	"bursar/internal/temporal/temporaltest"
)

// onCluster begins the names of tests whose servers are a cluster.
const onCluster = "TestCluster/"

// TestCluster runs tests of the embedded server on a cluster, each in a namespace of its own.
func TestCluster(t *testing.T) {
	t.Parallel()
	temporaltest.Shared(t) // skips all if it cannot be started
	for name, test := range map[string]func(*testing.T){
		"runs": TestServerRunsPipelines, "rebuilds": TestServerRebuilds, "follows": TestServerFollows, "bounds steps": TestServerBoundsSteps,
		"cancels": TestServerCancelsWithItsCaller, "ended": TestServerRunsOnWhateverEnds,
	} {
		t.Run(name, test)
	}
}

// connect returns a connection to the server that a test is for.
func connect(t *testing.T, dir string) *temporal.Connection {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	if strings.HasPrefix(t.Name(), onCluster) {
		server := temporaltest.Shared(t)
		return dial(t, server, server.Namespace(t), logger)
	}
	server, err := temporal.Start(t.Context(), dir, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return &server.Connection
}

func dial(t *testing.T, server *temporaltest.Server, namespace string, logger *slog.Logger) *temporal.Connection {
	t.Helper()
	c, err := temporal.Dial(t.Context(), temporal.Options{Address: server.Address, Namespace: namespace, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// work starts workers of a project on a connection, and stops them with the test.
func work(t *testing.T, c *temporal.Connection, steps Steps, project string) *Runner {
	t.Helper()
	w := NewWorkers(c.Client(), steps, role.All(), testLimits, project)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	runner := quietRunner(c.Client())
	runner.Project = project
	return runner
}

// TestClusterKilledDuringRun kills the server in each step of a run, and keeps it away for longer than a heartbeat timeout once.
func TestClusterKilledDuringRun(t *testing.T) {
	t.Parallel()
	server := temporaltest.Start(t, temporaltest.Options{})
	steps := &scriptedSteps{backlog: 4, split: 2, blocked: map[string]func(context.Context) error{}}
	restarted := make(chan string, 4)
	var outage sync.Mutex
	for call, away := range map[string]time.Duration{"1 reduce": 0, "2 merge 1": 0, "3 index 0": heartbeatTimeout + time.Second, "4 publish": 0} {
		var once sync.Once // another attempt is let pass
		steps.blocked[call] = func(ctx context.Context) error {
			once.Do(func() {
				outage.Lock()
				server.Kill(t)
				select {
				case <-time.After(away):
				case <-ctx.Done():
				}
				go func() { // the step ends while there is no server
					defer outage.Unlock()
					server.Restart(t)
					restarted <- call
				}()
			})
			return nil
		}
	}
	runner := work(t, dial(t, server, server.Namespace(t), slog.New(slog.NewTextHandler(t.Output(), nil))), steps, "project")
	began := time.Now()
	result, err := runner.Run(t.Context(), "orders")
	if err != nil || result.Runs != 4 {
		t.Errorf("%+v, %v", result, err)
	}
	t.Logf("four kills, %v", time.Since(began))
	for range 4 {
		t.Log("restarted during", <-restarted)
	}
	if got := steps.called("publish"); len(got) < 4 {
		t.Errorf("published %v", got)
	}
}

// TestClusterRefusesOtherProject runs the same pipeline of two projects in one namespace: no step of one is executed for the other.
func TestClusterRefusesOtherProject(t *testing.T) {
	t.Parallel()
	server := temporaltest.Shared(t)
	namespace, quiet := server.Namespace(t), slog.New(slog.DiscardHandler)
	theirs := &scriptedSteps{backlog: 2}
	work(t, dial(t, server, namespace, quiet), theirs, "theirs")
	ours := dial(t, server, namespace, quiet)
	runner := quietRunner(ours.Client()) // whose own workers are not there: those of the other project get its tasks
	runner.Project = "ours"
	_, err := runner.Run(t.Context(), "orders")
	if err == nil || !strings.Contains(err.Error(), "another project") || failure.Of(err) != failure.Data || errors.Is(err, temporal.ErrOtherProject) {
		t.Errorf("%v [%v], want that it is refused", err, failure.Of(err))
	}
	if n := theirs.attempts("next"); n > 0 {
		t.Errorf("the other project planned %d runs for it", n)
	}
}
