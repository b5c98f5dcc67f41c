//go:build !race

// Two processes with runners and workers on one real server: they join each other's workflows, and continue what others leave.

package flow

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"bursar/internal/role"
	"bursar/internal/temporal"
)

func sharedRunner(c client.Client) *Runner { return NewSharedRunner(c, slog.New(slog.DiscardHandler)) }

// startShared starts a server without workers.
func startShared(t *testing.T) (c client.Client, dir string) {
	t.Helper()
	dir = t.TempDir()
	server, err := temporal.Start(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.Client(), dir
}

func statusOf(t *testing.T, c client.Client, id string) enumspb.WorkflowExecutionStatus {
	t.Helper()
	found, err := c.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	return found.WorkflowExecutionInfo.Status
}

// blockedMerge blocks the merge of run 1 until release is closed. It reports on merging that it has begun.
func blockedMerge() (steps *scriptedSteps, merging, release chan struct{}) {
	merging, release = make(chan struct{}, 9), make(chan struct{})
	return &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
		"1 merge": func(ctx context.Context) error {
			merging <- struct{}{}
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}}, merging, release
}

// TestServerJoins has one process run a pipeline, another join, and a third that gives up: the workflow is one, and goes on.
func TestServerJoins(t *testing.T) {
	t.Parallel()
	steps, merging, release := blockedMerge()
	c, _ := startShared(t)
	startWorkers(t, c, steps, role.All()...)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := sharedRunner(c).Run(t.Context(), "orders")
			results <- err
		}()
	}
	<-merging
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("ctrl-c")
	stopped := make(chan error, 1)
	go func() {
		_, err := sharedRunner(c).Run(ctx, "orders")
		stopped <- err
	}()
	cancel(interrupted)
	if err := <-stopped; !errors.Is(err, interrupted) {
		t.Errorf("run that is interrupted: %v", err)
	}
	if status := statusOf(t, c, WorkflowID("orders")); status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		t.Errorf("after one of them gave up the workflow is %v", status)
	}
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := c.GetWorkflow(t.Context(), WorkflowID("orders"), "").Get(t.Context(), nil); err != nil {
		t.Errorf("the workflow ends with %v", err)
	}
	if n := steps.attempts("1 merge"); n != 1 {
		t.Errorf("merged %d times, want once", n)
	}
	record(t, c, "joined")
}

// TestServerFollowsTogether has two processes follow, and commands run beside: nobody's end ends the workflow.
func TestServerFollowsTogether(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 1}
	c, _ := startShared(t)
	startWorkers(t, c, steps, role.All()...)
	first, second := sharedRunner(c), sharedRunner(c)
	if _, err := first.Run(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Runner{first, second} {
		if err := r.Follow(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
	}
	steps.growTo(2)
	if err := sharedRunner(c).Wake(t.Context(), "orders"); err != nil { // a process that only seals batches
		t.Fatal(err)
	}
	steps.awaitFor(t, 2, time.Minute, "woken by another process")
	if err := first.Unfollow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	steps.growTo(3)
	if _, err := first.Run(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if open, err := isOpen(t.Context(), c, WorkflowID("orders")); err != nil || !open {
		t.Errorf("open %v, %v; want it open, because one process follows", open, err)
	}
	record(t, c, "followed_together")
	if err := c.TerminateWorkflow(t.Context(), WorkflowID("orders"), "", "by hand"); err != nil {
		t.Fatal(err)
	}
	steps.growTo(4)
	steps.awaitFor(t, 4, time.Minute, "restarted by the one that follows")
	if err := second.Unfollow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
}

// TestServerJoinsRebuilds has two processes rebuild a pipeline: they share one workflow.
func TestServerJoinsRebuilds(t *testing.T) {
	t.Parallel()
	steps, merging, release := blockedMerge()
	c, _ := startShared(t)
	startWorkers(t, c, steps, role.All()...)
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- sharedRunner(c).Rebuild(t.Context(), "orders") }()
	}
	<-merging
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := steps.attempts("1 merge"); n != 1 {
		t.Errorf("merged %d times, want once", n)
	}
}

// TestServerStopsWorkersAfterTheirSteps stops the workers of a process that executes a step: it is not executed again elsewhere.
func TestServerStopsWorkersAfterTheirSteps(t *testing.T) {
	t.Parallel()
	steps, merging, release := blockedMerge()
	c, _ := startShared(t)
	w := NewWorkers(c, steps, role.All(), Limits{Steps: 4, StopTimeout: SharedStopTimeout}, "")
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := sharedRunner(c).Run(t.Context(), "orders")
		done <- err
	}()
	<-merging
	stopped := make(chan struct{})
	go func() {
		w.Stop()
		close(stopped)
	}()
	others := &scriptedSteps{backlog: 1}
	startWorkers(t, c, others, role.All()...)
	close(release)
	<-stopped
	if err := <-done; err != nil {
		t.Error(err)
	}
	others.mu.Lock()
	again := others.attempts("1 merge")
	others.mu.Unlock()
	if again != 0 {
		t.Errorf("merged %d times by another process", again)
	}
}

const (
	sharedChildEnv   = "BURSAR_TEST_SHARED_CHILD"   // the state folder of the server that a child uses
	sharedAddressEnv = "BURSAR_TEST_SHARED_ADDRESS" // its address
)

// TestServerContinuesForDeadProcess kills the only process with workers in the middle of a step. The next run joins what it left.
func TestServerContinuesForDeadProcess(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		t.Run(fmt.Sprintf("follow %v", follow), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			server, err := temporal.Start(t.Context(), dir, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			c := server.Client()
			killChild(t, "TestServerSharedChild", sharedChildEnv+"="+dir, sharedAddressEnv+"="+server.Address(), fmt.Sprintf("BURSAR_TEST_FOLLOW=%v", follow))
			killed := time.Now()
			var merged time.Duration
			steps := &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
				"1 merge": func(context.Context) error { merged = time.Since(killed); return nil },
			}}
			startWorkers(t, c, steps, role.All()...)
			if _, err := sharedRunner(c).Run(t.Context(), "orders"); err != nil {
				t.Fatal(err)
			}
			t.Logf("the step is executed again %v after the kill", merged)
			if most := heartbeatTimeout + 2*time.Second; merged > most || merged == 0 {
				t.Errorf("the step is executed again %v after the kill, want %v at most", merged, most)
			}
			if open, err := isOpen(t.Context(), c, WorkflowID("orders")); err != nil || open != follow {
				t.Errorf("open %v, %v; want %v", open, err, follow)
			}
		})
	}
}

// TestServerSharedChild is the process that TestServerContinuesForDeadProcess kills.
func TestServerSharedChild(t *testing.T) {
	dir := os.Getenv(sharedChildEnv)
	if dir == "" {
		t.Skip("only as a child of TestServerContinuesForDeadProcess")
	}
	c := dialServer(t, dir, os.Getenv(sharedAddressEnv))
	startWorkers(t, c, &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
		"1 merge": func(ctx context.Context) error {
			fmt.Println("merging")
			<-ctx.Done()
			return ctx.Err()
		},
	}}, role.All()...)
	runner := sharedRunner(c)
	if strings.HasSuffix(os.Getenv("BURSAR_TEST_FOLLOW"), "true") {
		_ = runner.Follow(t.Context(), "orders")
	}
	_, _ = runner.Run(t.Context(), "orders")
}

// dialServer connects to the server of another process.
func dialServer(t *testing.T, dir, address string) client.Client {
	t.Helper()
	files := temporal.TLSFiles(dir)
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(files.Authority)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	c, err := client.Dial(client.Options{
		HostPort: address, Namespace: temporal.Namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		ConnectionOptions: client.ConnectionOptions{TLS: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS13}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
