//go:build !race

// An index worker that hangs: the server misses its heartbeats and gives its partition to another.

package flow

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"bursar/internal/role"
	"bursar/internal/temporal"
	"bursar/internal/temporal/virtualtest"
)

// startSilentIndexWorker starts an index worker whose heartbeats do not reach the server.
func startSilentIndexWorker(t *testing.T, c client.Client, steps Steps) worker.Worker {
	t.Helper()
	o := workerOptions()
	o.MaxConcurrentActivityExecutionSize = 1 // while it hangs, it takes nothing else
	o.Interceptors = []interceptor.WorkerInterceptor{&virtualtest.Silence{}}
	w := worker.New(c, IndexQueue, o)
	registerPartition(w, newActivities(steps, ""), "index")
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestServerReplacesAHangingIndexWorker(t *testing.T) {
	t.Parallel()
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	c := server.Client()
	hung, release := make(chan time.Time, 1), make(chan struct{})
	hangs := &scriptedSteps{blocked: map[string]func(context.Context) error{
		"1 index 0": func(context.Context) error { // it ignores its cancellation, too
			hung <- time.Now()
			<-release
			return nil
		},
	}}
	replaced := make(chan time.Time, 1)
	works := &scriptedSteps{backlog: 1, split: 1, blocked: map[string]func(context.Context) error{
		"1 index 0": func(context.Context) error { replaced <- time.Now(); return nil },
	}}
	startWorkers(t, c, works, role.Reconcile)
	silent := startSilentIndexWorker(t, c, hangs)
	t.Cleanup(silent.Stop)
	t.Cleanup(func() { close(release) })
	done := make(chan error, 1)
	go func() {
		_, err := NewRunner(c, slog.New(slog.DiscardHandler)).Run(t.Context(), "orders")
		done <- err
	}()
	began := <-hung
	startWorkers(t, c, works, role.Index) // which replaces it
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	took := (<-replaced).Sub(began)
	t.Logf("replaced after %v", took)
	if took > heartbeatTimeout+2*time.Second {
		t.Errorf("replaced after %v, want %v at most", took, heartbeatTimeout+2*time.Second)
	}
}
