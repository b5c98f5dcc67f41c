// Executions that several processes share, in virtual time: they answer whoever joins, stay if somebody follows, and continue with
// another generation.

package flow

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
)

// answer is what a request got.
type answer struct {
	result Result
	err    error
	at     time.Time
	done   bool
}

// request sends a request to a workflow after a delay.
func request(env *testsuite.TestWorkflowEnvironment, id string, after time.Duration) *answer {
	got := &answer{}
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(drainUpdate, id, &testsuite.TestUpdateCallback{
			OnReject: func(err error) { got.err, got.done = err, true },
			OnAccept: func() {},
			OnComplete: func(result any, err error) {
				if r, is := result.(Result); is {
					got.result = r
				}
				got.err, got.at, got.done = err, env.Now(), true
			},
		})
	}, after)
	return got
}

func (s *scriptedSteps) growTo(backlog uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog = backlog
}

// TestJoinedExecutionAnswers requests passes of an execution that does not follow: one that comes with the start, and one that comes while
// a step waits for its next attempt, after more batches were sealed. Both are answered, and then the execution ends.
func TestJoinedExecutionAnswers(t *testing.T) {
	t.Parallel()
	throttled := failure.Throttle(time.Minute, errors.New("wait"))
	steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 merge": {throttled}}}
	env := virtualEnvironment(steps)
	first, second := request(env, "first", 0), request(env, "second", 30*time.Second)
	env.RegisterDelayedCallback(func() { steps.growTo(2) }, 20*time.Second)
	env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Join: true})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if first.err != nil || first.result.Runs == 0 || second.err != nil || !second.done || second.result.Interrupted {
		t.Errorf("answers %+v and %+v", *first, *second)
	}
	if got := steps.called("publish"); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("published %v", got)
	}
}

// TestJoinedExecutionReportsFailures: all who wait get the error of the step, and so does the workflow.
func TestJoinedExecutionReportsFailures(t *testing.T) {
	t.Parallel()
	cause := failure.Wrap(failure.Data, errors.New("bad"))
	steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 merge": {cause}}}
	env := virtualEnvironment(steps)
	got := request(env, "one", 0)
	env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Join: true})
	if !got.done || got.err == nil || env.GetWorkflowError() == nil {
		t.Errorf("answer %+v, workflow %v; want both to fail", *got, env.GetWorkflowError())
	}
}

// TestSealedSignalExtendsExecution: a batch that is sealed while an execution works is not left to the next one.
func TestSealedSignalExtendsExecution(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 publish": {failure.Throttle(time.Minute, errors.New("wait"))}}}
	env := virtualEnvironment(steps)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(SealedSignal, nil) }, 30*time.Second)
	env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Join: true})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if passes := steps.attempts("next"); passes < 3 {
		t.Errorf("the backlog is asked for %d times, want once more than without the signal", passes)
	}
}

// TestFollowSignalKeepsExecution: an execution that a command started stays once a process follows, and so does its successor.
func TestFollowSignalKeepsExecution(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 1, fail: map[string][]error{"1 publish": {failure.Throttle(time.Minute, errors.New("wait"))}}}
	env := virtualEnvironment(steps)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(FollowSignal, nil) }, 30*time.Second)
	env.RegisterDelayedCallback(func() { steps.growTo(2) }, 10*time.Minute)
	env.RegisterDelayedCallback(func() {
		if got := steps.called("publish"); got[len(got)-1] != 2 {
			t.Errorf("published %v, want a batch that nobody reported", got)
		}
		env.CancelWorkflow()
	}, 12*time.Minute)
	env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Join: true})
	if err := env.GetWorkflowError(); err == nil {
		t.Error("the workflow ended by itself")
	}
}

// replacedSteps are steps of a pipeline that is rebuilt while run 2 of generation 1 is reduced. Generation 2 has published one run
// then, and its backlog is the other batch.
type replacedSteps struct {
	*scriptedSteps
	replaced bool
}

func (s *replacedSteps) Next(ctx context.Context, pipeline string, after uint64, rebuild bool) (runs.NextResult, error) {
	next, err := s.scriptedSteps.Next(ctx, pipeline, after, rebuild)
	s.mu.Lock()
	defer s.mu.Unlock()
	if next.Ref.Generation = 1; s.replaced {
		next.Ref.Generation = 2
	}
	return next, err
}

func (s *replacedSteps) Step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error) {
	s.mu.Lock()
	if ref.Run == 2 && step == runs.StepMerge {
		s.replaced = true
	}
	gone := s.replaced && ref.Generation == 1
	s.mu.Unlock()
	if gone {
		return runs.StepResult{Replaced: true}, nil
	}
	return s.scriptedSteps.Step(ctx, ref, step)
}

// TestReplacedRunsEnd has a rebuild replace the generation while three of its runs are in flight: they end without an error, and the same
// pass continues with the runs of the other generation.
func TestReplacedRunsEnd(t *testing.T) {
	t.Parallel()
	for _, split := range []int{1, 3} {
		steps := &replacedSteps{scriptedSteps: &scriptedSteps{backlog: 9, split: split}}
		env := virtualEnvironment(steps)
		got := request(env, "one", 0)
		env.ExecuteWorkflow(Reconcile, Input{Pipeline: "orders", Join: true})
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
		want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}
		if published := steps.called("publish"); !slices.Equal(published, want) || got.err != nil {
			t.Errorf("published %v, answer %+v", published, *got)
		}
	}
}
