//go:build !race

// The embedded server: fast to start, quiet, on the same ports after a restart, and replaceable.

package temporal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/loopback"
)

// noise collects the log.
type noise struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *noise) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *noise) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(n, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func mustStart(t *testing.T, dir string, logger *slog.Logger) *Server {
	t.Helper()
	began := time.Now()
	s, err := Start(t.Context(), dir, logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	t.Logf("started in %v", time.Since(began))
	return s
}

func mustStop(t *testing.T, s *Server) {
	t.Helper()
	began := time.Now()
	s.Stop()
	t.Logf("stopped in %v", time.Since(began))
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("stop took %v", took)
	}
}

func TestServerKeepsPortsAndRecreatesFiles(t *testing.T) {
	t.Parallel()
	dir, logged := t.TempDir(), &noise{}
	s := mustStart(t, dir, logged.logger())
	first := s.Address()
	if !strings.HasPrefix(first, "127.0.0.1:") {
		t.Errorf("address %s is not on loopback", first)
	}
	found, err := s.Client().WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: Namespace})
	if err != nil {
		t.Fatal(err)
	}
	if got := found.Config.WorkflowExecutionRetentionTtl.AsDuration(); got != retention {
		t.Errorf("retention %v, want %v", got, retention)
	}
	mustStop(t, s)
	s.Stop()

	s = mustStart(t, dir, logged.logger())
	if s.Address() != first {
		t.Errorf("address changed from %s to %s", first, s.Address())
	}
	mustStop(t, s)

	if err := os.Remove(databaseFile(dir)); err != nil {
		t.Fatal(err)
	}
	mustStop(t, mustStart(t, dir, logged.logger()))
	if _, err := os.Stat(databaseFile(dir)); err != nil {
		t.Errorf("the deleted database was not created again: %v", err)
	}
	if logged.text.Len() > 0 {
		t.Errorf("the server spoke:\n%s", logged.text.String())
	}
}

// TestLongPollsReturnSoon polls a workflow without new events. The server may drop events on a busy machine, so polls must
// return soon.
func TestLongPollsReturnSoon(t *testing.T) {
	t.Parallel()
	s := mustStart(t, t.TempDir(), slog.New(slog.DiscardHandler))
	run, err := s.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "waiting", TaskQueue: "nobody"}, "nothing")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	_, err = s.Client().WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: Namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
		WaitNewEvent: true, HistoryEventFilterType: enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
	})
	if took := time.Since(began); err != nil || took > 10*time.Second {
		t.Errorf("waited %v (%v), want about %v", took, err, longPollInterval)
	}
}

func TestServerReplacesUsedPorts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept, err := loadPorts(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", loopback.Address(kept.Frontend))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	s := mustStart(t, dir, slog.New(slog.DiscardHandler))
	if s.Address() == other.Addr().String() {
		t.Errorf("the server claims a port that is taken: %s", s.Address())
	}
	now, err := os.ReadFile(filepath.Join(dir, "temporal.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, port, _ := net.SplitHostPort(s.Address()); !bytes.Contains(now, []byte(port)) {
		t.Errorf("the new port %s is not kept: %s", port, now)
	}
}

func TestStartReportsFatalErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept, err := loadPorts(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", loopback.Address(kept.History))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	store, err := prepareDatabase(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	own, err := loadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	logs := &gate{out: slog.New(slog.DiscardHandler)}
	_, err = launch(t.Context(), serverConfig(kept, store), kept, own, &connections{}, &serverLogger{gate: logs})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got error %v, want the port named as taken", err)
	}
	logs.setPhase(stopping)
}

func TestStartReportsDamagedDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(databaseFile(dir), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), databaseFile(dir)) || !strings.Contains(err.Error(), "created again if deleted") {
		t.Errorf("got %v, want an error that names the file and the way out", err)
	}
}

// TestUntilServing waits for a server that listens and does not serve yet; any other error ends the wait.
func TestUntilServing(t *testing.T) {
	t.Parallel()
	refused, broken := fmt.Errorf("reach server: %w", serviceerror.NewUnavailable("not healthy yet")), errors.New("broken")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		answers []error
		want    error
	}{
		{"at once", t.Context(), []error{nil}, nil},
		{"after two refusals", t.Context(), []error{refused, refused, nil}, nil},
		{"another failure", t.Context(), []error{refused, broken, nil}, broken},
		{"context ended", ended, []error{refused, nil}, refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			requested := 0
			err := untilServing(c.ctx, func(context.Context) error {
				requested++
				return c.answers[requested-1]
			})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v after %d answers, want %v", err, requested, c.want)
			}
		})
	}
}

func TestStartStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, t.TempDir(), slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// Copies of a project have the same ports in their files, and all of them start, even at the same time.
func TestStartCopiesAtOnce(t *testing.T) {
	t.Parallel()
	first := t.TempDir()
	if _, err := loadPorts(first); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(first, "temporal.json"))
	if err != nil {
		t.Fatal(err)
	}
	var starts sync.WaitGroup
	for range 4 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "temporal.json"), kept, 0o600); err != nil {
			t.Fatal(err)
		}
		starts.Go(func() {
			s, err := Start(t.Context(), dir, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Error(err)
				return
			}
			s.Stop()
		})
	}
	starts.Wait()
}
