//go:build !race

// The workflow on the real embedded server, whose histories are recorded for the replay test.

package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"bursar/internal/failure"
	"bursar/internal/temporal"
	"bursar/internal/temporal/historytest"
)

// serve starts a server and a worker for tables, and stops them with the test.
func serve(t *testing.T, dir string, tables Tables) client.Client {
	t.Helper()
	return serveAll(t, dir, tables, nil)
}

// serveAll is serve with scheduled tasks.
func serveAll(t *testing.T, dir string, tables Tables, schedule Scheduled) client.Client {
	t.Helper()
	server, err := temporal.Start(t.Context(), dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	w := NewWorker(server.Client(), tables, schedule, time.Minute, "")
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return server.Client()
}

func runner(c client.Client, shared bool) *Runner {
	return NewRunner(c, "", shared, slog.New(slog.DiscardHandler))
}

// publishes publishes, and checks how many rows each table got.
func publishes(t *testing.T, r *Runner, want map[string]int64, tables ...string) Result {
	t.Helper()
	result, err := r.Publish(t.Context(), Request{Tables: tables})
	if err != nil || !maps.Equal(result.rows(), want) {
		t.Fatalf("publish %v: %+v, %v; want %v", tables, result, err, want)
	}
	return result
}

func TestServerPublishes(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b").add("a", 2).add("b", 1)
	tables.fail["a"] = []error{failure.Wrap(failure.Transient, errors.New("moment"))}
	c := serve(t, t.TempDir(), tables)
	r := runner(c, false)
	publishes(t, r, map[string]int64{"a": 20, "b": 10})
	historytest.Record(t, c, WorkflowID, "published")
	publishes(t, r, map[string]int64{})
	publishes(t, r, map[string]int64{"b": 0}, "b")

	tables.add("a", 1).add("b", 1)
	tables.mu.Lock()
	tables.fail["a"] = []error{&unbalanced{error: errors.New("publish a: 2 rows, want 3")}}
	tables.mu.Unlock()
	result := publishes(t, r, map[string]int64{"b": 10})
	if err := result.Err(); failure.ExitCode(err) != failure.UnbalancedExit || failure.Of(err) != failure.Data {
		t.Errorf("error %v", err)
	}
	historytest.Record(t, c, WorkflowID, "failed")
}

// TestServerFollows has a workflow stay over signals, requests and its own end.
func TestServerFollows(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b").add("a", 1)
	c := serve(t, t.TempDir(), tables)
	r := runner(c, false)
	if err := r.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	tables.await("a", 1)
	tables.add("a", 1)
	if err := r.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	tables.await("a", 2)
	tables.add("b", 2)
	if result, err := r.Publish(t.Context(), Request{}); err != nil || result.rows()["b"] != 20 { // the pass before may have just published a
		t.Fatalf("request while it follows: %+v, %v", result, err)
	}
	tables.add("b", 1)
	publishes(t, r, map[string]int64{"b": 10}, "b")
	historytest.Record(t, c, WorkflowID, "followed")

	if err := c.TerminateWorkflow(t.Context(), WorkflowID, "", "by hand"); err != nil {
		t.Fatal(err)
	}
	tables.add("a", 1)
	tables.await("a", 3) // it is started again
	if err := r.Unfollow(t.Context()); err != nil {
		t.Fatal(err)
	}
	tables.add("a", 1)
	publishes(t, r, map[string]int64{"a": 10})
}

// TestServerJoins has two processes publish at the same time, and one of them follow: the workflow is one.
func TestServerJoins(t *testing.T) {
	t.Parallel()
	tables := newTables("a", "b").add("a", 1).add("b", 1)
	publishing, release := make(chan struct{}, 9), make(chan struct{})
	tables.block["a"] = func(ctx context.Context) error {
		publishing <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c := serve(t, t.TempDir(), tables)
	first, second := runner(c, true), runner(c, true)
	all := make(chan error, 1)
	go func() {
		_, err := first.Publish(t.Context(), Request{})
		all <- err
	}()
	<-publishing
	publishes(t, second, map[string]int64{"b": 10}, "b") // beside the other one
	if err := second.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-all; err != nil {
		t.Error(err)
	}
	tables.add("b", 1)
	if err := second.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	publishes(t, first, map[string]int64{"a": 0}, "a")
	if n := tables.count("a"); n != 2 {
		t.Errorf("published %d times", n)
	}
	tables.await("b", 2)
	historytest.Record(t, c, WorkflowID, "joined")
	if err := second.Unfollow(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestServerCancelsWithItsCaller: a command that is interrupted ends its transaction.
func TestServerCancelsWithItsCaller(t *testing.T) {
	t.Parallel()
	tables := newTables("a").add("a", 1)
	working, ended := make(chan struct{}), make(chan struct{})
	tables.block["a"] = func(ctx context.Context) error {
		close(working)
		<-ctx.Done()
		close(ended)
		return fmt.Errorf("publish a: %w", ctx.Err())
	}
	r := runner(serve(t, t.TempDir(), tables), false)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-working
		cancel()
	}()
	if _, err := r.Publish(ctx, Request{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the caller's cancellation", err)
	}
	select {
	case <-ended:
	default:
		t.Error("returned while the transaction goes on")
	}
}

// TestHistoriesContainNoValues: the caller gets the whole error of a table, the history does not (rule 7).
func TestHistoriesContainNoValues(t *testing.T) {
	t.Parallel()
	const value = "IBAN DE89370400440532013000 Jane Doe"
	tables := newTables("a").add("a", 1)
	tables.fail["a"] = []error{failure.Wrap(failure.Data, fmt.Errorf("publish a: column amount: %q is not stored", value))}
	dir := t.TempDir()
	result, err := runner(serve(t, dir, tables), false).Publish(t.Context(), Request{})
	if err != nil || result.Err() == nil || !bytes.Contains([]byte(result.Err().Error()), []byte(value)) {
		t.Errorf("the caller gets %+v, %v", result.Err(), err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "temporal.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("DE8937")) || bytes.Contains(content, []byte("Jane")) {
			t.Errorf("%s contains a value", filepath.Base(file))
		}
	}
}

// TestServerSchedules has a workflow execute what becomes due, and go on after its own end.
func TestServerSchedules(t *testing.T) {
	t.Parallel()
	s := newSchedule(time.Now, map[string]time.Duration{"load": 50 * time.Millisecond})
	c := serveAll(t, t.TempDir(), newTables(), s)
	scheduler := NewScheduler(c, "", false, slog.New(slog.DiscardHandler))
	if err := scheduler.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-s.await
	}
	historytest.Record(t, c, ScheduleWorkflowID, "scheduled")
	if err := c.TerminateWorkflow(t.Context(), ScheduleWorkflowID, "", "by hand"); err != nil {
		t.Fatal(err)
	}
	for len(s.await) > 0 {
		<-s.await
	}
	<-s.await // it is started again
	if err := scheduler.Unfollow(t.Context()); err != nil {
		t.Fatal(err)
	}
}
