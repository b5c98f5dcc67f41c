// The workflow in virtual time: the order of steps, retries by class, and the change to a new execution.

package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/reconcile/step"
	"bursar/internal/temporal"
	"bursar/internal/temporal/virtualtest"
)

// scriptedSteps has a backlog of a given number of runs, and fails the calls listed in fail.
type scriptedSteps struct {
	mu      sync.Mutex
	more    sync.Cond // on mu: a call was made
	backlog uint64
	split   int    // partitions
	run     uint64 // the last published
	calls   []string
	fail    map[string][]error // by call, such as "1 merge": what its attempts return in turn
	blocked map[string]func(context.Context) error
}

// Next gives the same runs with rebuild: only the engine distinguishes generations.
func (s *scriptedSteps) Next(ctx context.Context, pipeline string, after uint64, rebuild bool) (runs.NextResult, error) {
	if rebuild {
		if err := s.call(ctx, "next of rebuild"); err != nil {
			return runs.NextResult{}, err
		}
	}
	if err := s.call(ctx, "next"); err != nil {
		return runs.NextResult{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	after = max(after, s.run)
	if after == s.backlog {
		return runs.NextResult{}, nil
	}
	return runs.NextResult{Ref: runs.Ref{Pipeline: pipeline, Generation: 1, Run: after + 1}, Backlog: true, Partitions: s.split}, nil
}

func (s *scriptedSteps) Partition(ctx context.Context, ref runs.Ref, step runs.StepName, partition int) (runs.StepResult, error) {
	return runs.StepResult{Rows: 1}, s.call(ctx, fmt.Sprintf("%d %s %d", ref.Run, step, partition))
}

func (s *scriptedSteps) Step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error) {
	err := s.call(ctx, fmt.Sprintf("%d %s", ref.Run, step))
	if err == nil && step == "publish" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.run = ref.Run
	}
	return runs.StepResult{Rows: 1}, err
}

func (s *scriptedSteps) call(ctx context.Context, name string) error {
	s.mu.Lock()
	s.calls = append(s.calls, name)
	s.more.Broadcast()
	block := s.blocked[name]
	s.mu.Unlock()
	if block != nil {
		if err := block(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errs := s.fail[name]; len(errs) > 0 {
		s.fail[name] = errs[1:]
		return errs[0]
	}
	return nil
}

// called lists the runs that a step was called for, in order.
func (s *scriptedSteps) called(step runs.StepName) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runsOf(step)
}

// await returns when a step was called for the given number of runs.
func (s *scriptedSteps) await(step runs.StepName, runs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.more.L = &s.mu
	for len(s.runsOf(step)) < runs {
		s.more.Wait()
	}
}

func (s *scriptedSteps) runsOf(step runs.StepName) (runs []uint64) {
	for _, call := range s.calls {
		var run uint64
		var name string
		if n, _ := fmt.Sscanf(call, "%d %s", &run, &name); n == 2 && call == fmt.Sprintf("%d %s", run, step) {
			runs = append(runs, run)
		}
	}
	return runs
}

// attempts counts the calls of a name.
func (s *scriptedSteps) attempts(name string) (n int) {
	for _, call := range s.calls {
		if call == name {
			n++
		}
	}
	return n
}

// virtualRun runs the workflow in an environment where time passes only by waiting for it.
func virtualRun(t *testing.T, steps Steps) (*testsuite.TestWorkflowEnvironment, time.Duration) {
	t.Helper()
	env := virtualEnvironment(steps)
	began := env.Now()
	env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders"})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the workflow has not completed")
	}
	return env, env.Now().Sub(began)
}

// testLimits are those of one process on a small machine.
var testLimits = Limits{Steps: 4, StopTimeout: StopTimeout}

func virtualEnvironment(steps Steps) *testsuite.TestWorkflowEnvironment {
	env := virtualtest.NewEnvironment()
	registerReconcile(env, newActivities(steps, ""))
	registerPartition(env, newActivities(steps, ""), "index")
	return env
}

func TestWorkflowDrainsTheBacklogInOrder(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 12}
	env, _ := virtualRun(t, steps)
	var result Result
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if result.Runs != 12 {
		t.Errorf("runs = %d, want 12", result.Runs)
	}
	want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for _, step := range runs.StepNames {
		got := steps.called(step)
		if !step.Ordered() {
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is called for %v, want %v", step, got, want)
		}
	}
}

// declinedError is the error of a process that cannot do a step.
type declinedError struct{ error }

func (*declinedError) Class() failure.Class { return failure.Transient }
func (*declinedError) DeclinedByProcess()   {}

func TestWorkflowRetriesByClass(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	transient, declined := failure.Wrap(failure.Transient, cause), error(&declinedError{cause})
	tests := []struct {
		name     string
		errs     []error
		attempts int
		waits    time.Duration // at least
		class    failure.Class // of the workflow's error
		exit     int
	}{
		{"transient goes away", []error{transient, transient}, 3, 800 * time.Millisecond, 0, 0},
		{"transient stays", slices.Repeat([]error{transient}, 9), 5, 8 * time.Second, failure.Transient, 1},
		{"throttled waits as asked", []error{failure.Throttle(90*time.Second, cause)}, 2, 90 * time.Second, 0, 0},
		{"throttled waits unasked", []error{failure.Throttle(0, cause)}, 2, 10 * time.Second, 0, 0},
		{"declined is asked of others", slices.Repeat([]error{declined}, 23), 24, 9 * time.Second, 0, 0},
		{"declined by all", slices.Repeat([]error{declined}, 1000), 145, time.Minute, failure.Transient, 1},
		{"data stops", []error{failure.Wrap(failure.Data, cause)}, 1, 0, failure.Data, 1},
		{"breach stops", []error{fmt.Errorf("merge: %w", &step.Breach{})}, 1, 0, failure.Data, 4},
		{"unknown stops", []error{cause}, 1, 0, failure.Bug, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 merge": tt.errs}}
			env, took := virtualRun(t, steps)
			err := temporal.FromTemporal(env.GetWorkflowError())
			if got := failure.ExitCode(err); got != tt.exit {
				t.Errorf("exit code %d, want %d", got, tt.exit)
			}
			if err != nil && (failure.Of(err) != tt.class || err.Error() != tt.errs[0].Error()) {
				t.Errorf("got %v error %q, want %v error %q", failure.Of(err), err, tt.class, tt.errs[0])
			}
			if got := steps.attempts("1 merge"); got != tt.attempts {
				t.Errorf("%d attempts, want %d", got, tt.attempts)
			}
			if took < tt.waits || took > tt.waits+15*time.Second {
				t.Errorf("waited %v, want about %v", took, tt.waits)
			}
		})
	}
}

func TestWorkflowStopsAtPanic(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
		"1 merge": func(context.Context) error { panic("impossible") },
	}}
	env, took := virtualRun(t, steps)
	if err := temporal.FromTemporal(env.GetWorkflowError()); err == nil || failure.Of(err) != failure.Bug {
		t.Errorf("got error %v, want a bug", err)
	}
	if took > time.Second {
		t.Errorf("a panic was tried again: took %v", took)
	}
}

func TestWorkflowContinuesAsNew(t *testing.T) {
	t.Parallel()
	env, _ := virtualRun(t, &scriptedSteps{backlog: 1 << 40})
	var again *workflow.ContinueAsNewError
	if !errors.As(env.GetWorkflowError(), &again) {
		t.Fatalf("got error %v, want continue-as-new", env.GetWorkflowError())
	}
	var in Input
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
		t.Fatal(err)
	}
	if want := (Input{Pipeline: "orders", Runs: runsPerExecution}); in != want {
		t.Errorf("continues with %+v, want %+v", in, want)
	}
}

// TestWorkflowHeedsTheServer has the server suggest a new execution: partitions, updates and idle passes make histories long
// before runsPerExecution runs. An execution that was started without BySuggestion only counts runs.
func TestWorkflowHeedsTheServer(t *testing.T) {
	t.Parallel()
	for _, in := range []Input{
		{Pipeline: "orders", BySuggestion: true}, {Pipeline: "orders", BySuggestion: true, Follow: true}, {Pipeline: "orders"},
	} {
		env := virtualEnvironment(&scriptedSteps{backlog: 1})
		env.SetContinueAsNewSuggested(true)
		env.ExecuteWorkflow(Reconcile, in)
		var again *workflow.ContinueAsNewError
		if isNew := errors.As(env.GetWorkflowError(), &again); isNew != in.BySuggestion {
			t.Errorf("%+v ends with %v", in, env.GetWorkflowError())
		}
	}
}

// TestWorkflowRetriesOnSignals has a pipeline that several processes share fail for its data: it is tried again when one of them signals, and
// otherwise only on request.
func TestWorkflowRetriesOnSignals(t *testing.T) {
	t.Parallel()
	for _, join := range []bool{true, false} {
		steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 merge": {failure.Wrap(failure.Data, errors.New("cause"))}}}
		env := virtualEnvironment(steps)
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(FollowSignal, nil) }, time.Hour)
		env.RegisterDelayedCallback(env.CancelWorkflow, 2*time.Hour)
		env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Follow: true, Join: join})
		want := 1
		if join {
			want = 2
		}
		if got := steps.attempts("1 merge"); got != want {
			t.Errorf("shared %v: %d attempts, want %d", join, got, want)
		}
	}
}

// TestDeclinedStepsMakeProgress has each step declined for half a minute: together they take longer than one pass waits for a step.
func TestDeclinedStepsMakeProgress(t *testing.T) {
	t.Parallel()
	fail := map[string][]error{}
	for _, name := range runs.StepNames {
		fail["1 "+string(name)] = slices.Repeat([]error{&declinedError{errors.New("cause")}}, 70)
	}
	env, took := virtualRun(t, &scriptedSteps{backlog: 1, fail: fail})
	if err := env.GetWorkflowError(); err != nil || took < 2*declinedFor {
		t.Errorf("after %s: %v", took, err)
	}
}
