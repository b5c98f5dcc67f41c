//go:build !race

// The workflow on the real embedded server: runs, cancellation, and a killed process.

package flow

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/failure"
	"bursar/internal/reconcile/step"
	"bursar/internal/role"
)

// childEnv names the state folder in the environment of a child that is there to be killed.
const childEnv = "BURSAR_TEST_WORKFLOW_CHILD"

// serveSteps starts a server and workers for steps, and stops them when the test ends.
func serveSteps(t *testing.T, dir string, steps Steps) client.Client {
	t.Helper()
	c := connect(t, dir)
	work(t, c, steps, "")
	return c.Client()
}

// startWorkers starts the workers of some roles, and stops them when the test ends.
func startWorkers(t *testing.T, c client.Client, steps Steps, roles ...role.Role) Workers {
	t.Helper()
	w := NewWorkers(c, steps, roles, testLimits, "")
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

func TestServerRunsPipelines(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 2, fail: map[string][]error{
		"1 merge":  {failure.Wrap(failure.Transient, errors.New("moment"))},
		"22 merge": {&step.Breach{Step: "merge", Total: "events", Want: "3", Got: "4"}},
	}}
	c := serveSteps(t, t.TempDir(), steps)
	runner := NewRunner(c, slog.New(slog.DiscardHandler))
	mustRun := func(want int) time.Duration {
		t.Helper()
		began := time.Now()
		result, err := runner.Run(t.Context(), "orders")
		if err != nil || result.Runs != want {
			t.Fatalf("got %+v, %v; want %d runs", result, err, want)
		}
		return time.Since(began)
	}
	mustRun(2)
	record(t, c, "two_runs")
	mustRun(0)
	steps.backlog = 21
	took := mustRun(19)
	t.Logf("overhead %v a run", took/19)

	steps.backlog = 22
	_, err := runner.Run(t.Context(), "orders")
	var none *step.Breach
	if failure.ExitCode(err) != 4 || failure.Of(err) != failure.Data || errors.As(err, &none) {
		t.Errorf("got %v (class %v, exit code %d), want a breach with exit code 4", err, failure.Of(err), failure.ExitCode(err))
	}
	record(t, c, "breach")
}

// TestServerRebuilds executes a rebuild: its partitions are executed by workers, as those of a run are.
func TestServerRebuilds(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 2, split: 2}
	runner := NewRunner(serveSteps(t, t.TempDir(), steps), slog.New(slog.DiscardHandler))
	if err := runner.Rebuild(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"1 reduce 0", "1 reduce 1", "2 merge 1", "2 publish"} {
		if steps.attempts(call) != 1 {
			t.Errorf("%s: %d calls, want one", call, steps.attempts(call))
		}
	}
	if steps.attempts("next of rebuild") == 0 {
		t.Error("its runs are not planned as those of a rebuild")
	}
}

// TestServerFollows has a workflow stay over batches, requests and a failure, and then ends it.
func TestServerFollows(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"4 merge": {&step.Breach{Step: "merge"}}}}
	c := serveSteps(t, t.TempDir(), steps)
	runner := NewRunner(c, slog.New(slog.DiscardHandler))
	grow := func(to uint64) { steps.mu.Lock(); steps.backlog = to; steps.mu.Unlock() }
	if err := runner.Follow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	steps.await("publish", 1)
	grow(2)
	if err := runner.Wake(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	steps.await("publish", 2)
	grow(3)
	if result, err := runner.Run(t.Context(), "orders"); err != nil || result.Runs < 1 { // run 2 may still be in flight
		t.Fatalf("request while it follows: %+v, %v", result, err)
	}
	if got := steps.called("publish"); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Fatalf("published %v when the answer came", got)
	}
	grow(4)
	if _, err := runner.Run(t.Context(), "orders"); failure.ExitCode(err) != 4 {
		t.Fatalf("request while it follows: %v, want the breach", err)
	}
	if result, err := runner.Run(t.Context(), "orders"); err != nil || result.Runs != 1 {
		t.Fatalf("second request: %+v, %v", result, err)
	}
	if err := runner.Unfollow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	record(t, c, "followed")
	grow(5)
	if result, err := runner.Run(t.Context(), "orders"); err != nil || result.Runs != 1 {
		t.Fatalf("run without following: %+v, %v", result, err)
	}
}

// TestServerBoundsSteps starts many partitions at once: no more of them run at a time than the workers have slots.
func TestServerBoundsSteps(t *testing.T) {
	t.Parallel()
	const partitions, places = 12, 4 // as serveSteps has
	var now, most atomic.Int64
	steps := &scriptedSteps{backlog: 2, split: partitions, blocked: map[string]func(context.Context) error{}}
	count := func(ctx context.Context) error {
		if at := now.Add(1); at > most.Load() {
			most.Store(at)
		}
		defer now.Add(-1)
		select {
		case <-time.After(30 * time.Millisecond): // for others to join
		case <-ctx.Done():
		}
		return nil
	}
	for p := range partitions {
		for _, step := range []string{"reduce", "prefetch", "merge"} {
			steps.blocked[fmt.Sprintf("1 %s %d", step, p)] = count
			steps.blocked[fmt.Sprintf("2 %s %d", step, p)] = count
		}
	}
	if _, err := quietRunner(serveSteps(t, t.TempDir(), steps)).Run(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d worked at a time", most.Load())
	if most.Load() > places {
		t.Errorf("%d worked at a time, want %d at most", most.Load(), places)
	}
}

func TestServerCancelsWithItsCaller(t *testing.T) {
	t.Parallel()
	working, ended := make(chan struct{}), make(chan struct{})
	steps := &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
		"1 merge": func(ctx context.Context) error {
			close(working)
			<-ctx.Done()
			close(ended)
			return fmt.Errorf("merge: %w", ctx.Err())
		},
	}}
	c := serveSteps(t, t.TempDir(), steps)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-working
		cancel()
	}()
	began := time.Now()
	if _, err := NewRunner(c, slog.New(slog.DiscardHandler)).Run(ctx, "orders"); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the caller's cancellation", err)
	}
	t.Logf("cancelled in %v", time.Since(began))
	select {
	case <-ended:
	default:
		t.Error("returned while the step still works")
	}
	found, err := c.DescribeWorkflowExecution(t.Context(), WorkflowID("orders"), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := found.WorkflowExecutionInfo.Status; got != enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED {
		t.Errorf("the workflow is %v, want cancelled", got)
	}
	record(t, c, "cancelled")
}

// killChild runs a test in a process of its own, and kills it when it has begun to merge.
func killChild(t *testing.T, test string, env ...string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	child.Env = append(os.Environ(), env...)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, out, "merging")
	if err := errors.Join(child.Process.Kill(), ignoreExit(child.Wait())); err != nil {
		t.Fatal(err)
	}
}

func TestServerGoesOnAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	killChild(t, "TestServerChildToBeKilled", childEnv+"="+dir)
	killed := time.Now()
	var first time.Duration
	steps := &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
		"next": func(context.Context) error {
			if first == 0 {
				first = time.Since(killed)
			}
			return nil
		},
	}}
	c := serveSteps(t, dir, steps)
	if result, err := NewRunner(c, slog.New(slog.DiscardHandler)).Run(t.Context(), "orders"); err != nil || result.Runs != 1 {
		t.Fatalf("got %+v, %v; want one run", result, err)
	}
	t.Logf("first step %v after the kill, whole run %v", first, time.Since(killed))
	if first > 10*time.Second {
		t.Errorf("the first step came %v after the kill, want 10s at most", first)
	}
}

// TestServerChildToBeKilled is the process that TestServerGoesOnAfterKill kills in the middle of a step.
func TestServerChildToBeKilled(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("only as a child of TestServerGoesOnAfterKill")
	}
	steps := &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
		"1 merge": func(ctx context.Context) error {
			fmt.Println("merging")
			<-ctx.Done()
			return ctx.Err()
		},
	}}
	_, _ = NewRunner(serveSteps(t, dir, steps), slog.New(slog.DiscardHandler)).Run(t.Context(), "orders")
}

func awaitLine(t *testing.T, from io.Reader, want string) {
	t.Helper()
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if lines.Text() == want {
			return
		}
	}
	t.Fatalf("the child ended without %q (%v)", want, lines.Err())
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// TestServerAnswersWhenBacklogIsDrained requests more runs of a following workflow than one execution has.
func TestServerAnswersWhenBacklogIsDrained(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{}
	runner := quietRunner(serveSteps(t, t.TempDir(), steps))
	if err := runner.Follow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.Run(t.Context(), "orders"); err != nil { // its first pass is over
		t.Fatal(err)
	}
	const backlog = runsPerExecution + 5
	steps.mu.Lock()
	steps.backlog = backlog
	steps.mu.Unlock()
	result, err := runner.Run(t.Context(), "orders")
	if published := len(steps.called("publish")); err != nil || published != backlog || result.Runs != backlog {
		t.Errorf("answered with %+v, %v when %d of %d runs were published", result, err, published, backlog)
	}
}
