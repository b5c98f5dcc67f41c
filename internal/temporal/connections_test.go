//go:build !race

// Goroutines and connections after the server has stopped.

package temporal

import (
	"log/slog"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/goleak"
)

// TestStopEndsGoroutines runs alone, because it counts all goroutines. One may remain: Temporal keeps the database open as long as
// the process lives.
func TestStopEndsGoroutines(t *testing.T) { //nolint:paralleltest // it counts the goroutines of the process
	before := goleak.IgnoreCurrent()
	s := mustStart(t, t.TempDir(), slog.New(slog.DiscardHandler))
	w := worker.New(s.Client(), "queue", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "nothing"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	run, err := s.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "one", TaskQueue: "queue"}, "nothing")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	mustStop(t, s)
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}
