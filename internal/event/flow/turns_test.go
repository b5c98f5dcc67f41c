// Tests of the turns of a stream in virtual time: failing owners, repeated requests, and an execution that continues as a new one.

package flow

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/failure"
	"bursar/internal/temporal"
)

// virtual returns an environment in which own is the activity of owners.
func virtual(own func(ctx context.Context, queue string) error) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is not a deadlock
	env.RegisterActivityWithOptions(func(ctx context.Context, _ OwnInput) error {
		return own(ctx, activity.GetInfo(ctx).TaskQueue)
	}, activity.RegisterOptions{Name: ownActivity})
	return env
}

// ask sends a request, after a while of virtual time.
func ask(env *testsuite.TestWorkflowEnvironment, after time.Duration, r Request) {
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(acquireUpdate, r.ID+after.String(), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { panic(err) }, OnComplete: func(any, error) {},
		}, r)
	}, after)
}

// TestFailingOwner has an owner that cannot own its stream for a while: it is tried again, less and less often.
func TestFailingOwner(t *testing.T) {
	t.Parallel()
	var env *testsuite.TestWorkflowEnvironment
	var at []time.Time
	env = virtual(func(context.Context, string) error {
		at = append(at, env.Now())
		return temporal.ActivityError(failure.Wrap(failure.Transient, errors.New("the catalog does not answer")))
	})
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	env.ExecuteWorkflow(Stream, Input{Stream: "payments"})
	if len(at) < 5 || len(at) > 20 {
		t.Fatalf("%d turns in a minute", len(at))
	}
	first, last := at[1].Sub(at[0]), at[len(at)-1].Sub(at[len(at)-2])
	if first > time.Second || last < 5*time.Second || last > backoff.Most {
		t.Errorf("the waits grow from %v to %v", first, last)
	}
}

// TestRequestsTakeTurns has three processes ask, one of them twice: each gets one turn, in the order of the requests.
func TestRequestsTakeTurns(t *testing.T) {
	t.Parallel()
	var env *testsuite.TestWorkflowEnvironment
	var queues []string
	env = virtual(func(_ context.Context, queue string) error {
		queues = append(queues, queue)
		if queue == TaskQueue { // nobody has asked
			return temporal.ActivityError(failure.Wrap(failure.Transient, errors.New("nobody has the role")))
		}
		return nil
	})
	waiting := []Request{{"a", "one"}, {"b", "two"}}
	ask(env, 0, Request{"b", "two"})
	ask(env, 0, Request{"c", "three"})
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Second)
	env.ExecuteWorkflow(Stream, Input{Stream: "payments", Waiting: waiting})
	var asked []string
	for _, queue := range queues {
		if queue != TaskQueue {
			asked = append(asked, queue)
		}
	}
	if want := []string{processQueue("one"), processQueue("two"), processQueue("three")}; !slices.Equal(asked, want) {
		t.Errorf("turns of %v, want %v", asked, want)
	}
}

// TestRequestsSurviveANewExecution has the server suggest a new execution while requests wait: the next execution has them.
func TestRequestsSurviveANewExecution(t *testing.T) {
	t.Parallel()
	env := virtual(func(context.Context, string) error { return nil })
	env.SetContinueAsNewSuggested(true)
	env.ExecuteWorkflow(Stream, Input{Stream: "payments", Project: "p", Waiting: []Request{{"a", "one"}, {"b", "two"}}})
	var again *workflow.ContinueAsNewError
	if !errors.As(env.GetWorkflowError(), &again) {
		t.Fatalf("got error %v, want continue-as-new", env.GetWorkflowError())
	}
	var in Input
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
		t.Fatal(err)
	}
	if in.Project != "p" || in.Stream != "payments" || !slices.Equal(in.Waiting, []Request{{"b", "two"}}) {
		t.Errorf("continues with %+v", in)
	}
}
