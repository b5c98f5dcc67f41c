// The workflow of an institution in virtual time.

package flow

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/aggregate/limit"
)

var limits = limit.Limits{Requests: 60, Per: time.Minute, Sessions: 4, Failures: 3, Wait: time.Minute, Longest: time.Hour}

// asking is a workflow of an institution, and the parts that it gives.
type asking struct {
	*testsuite.TestWorkflowEnvironment
	t     *testing.T
	asks  int
	parts map[string][]limit.Part // by process
}

func newAsking(t *testing.T) *asking {
	t.Helper()
	env, _ := virtual(newScripted())
	return &asking{TestWorkflowEnvironment: env, t: t, parts: map[string][]limit.Part{}}
}

// lease asks for a part after a time.
func (a *asking) lease(after time.Duration, ask limit.Ask) {
	a.asks++
	id := fmt.Sprint("ask ", a.asks)
	ask.Limits = limits
	a.RegisterDelayedCallback(func() {
		a.UpdateWorkflow(leaseUpdate, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { a.t.Error(err) },
			OnComplete: func(result any, err error) {
				part, is := result.(limit.Part)
				if err != nil || !is {
					a.t.Error(result, err)
				}
				a.parts[ask.Process] = append(a.parts[ask.Process], part)
			},
		}, ask)
	}, after)
}

// run runs the workflow to its end, and returns how long that took.
func (a *asking) run(shares limit.Shares) time.Duration {
	a.t.Helper()
	began := a.Now()
	a.ExecuteWorkflow(Institution, InstitutionInput{Institution: "acme", Shares: shares})
	if !a.IsWorkflowCompleted() {
		a.t.Fatal("the workflow has not completed")
	}
	return a.Now().Sub(began)
}

// TestInstitutionShares gives each process its part, and ends when nobody has asked for a while.
func TestInstitutionShares(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	a.lease(0, limit.Ask{Process: "a", Want: 4})
	a.lease(time.Second, limit.Ask{Process: "b", Want: 4})
	a.lease(3*time.Second, limit.Ask{Process: "a", Want: 4, Open: 1})
	a.lease(5*time.Second, limit.Ask{Process: "b", Want: 4})
	a.lease(15*time.Minute, limit.Ask{Process: "a", Want: 1})
	took := a.run(limit.Shares{})
	if err := a.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if took < 15*time.Minute+idleTime || took > 15*time.Minute+2*idleTime {
		t.Errorf("it ends after %s", took)
	}
	got := fmt.Sprint(sessions(a.parts["a"]), sessions(a.parts["b"]))
	if want := "[4 2 1] [0 2]"; got != want {
		t.Errorf("sessions %s, want %s", got, want)
	}
}

func sessions(parts []limit.Part) (list []int) {
	for _, p := range parts {
		list = append(list, p.Sessions)
	}
	return list
}

// TestInstitutionThatDoesNotWork keeps its workflow, which has the breaker.
func TestInstitutionThatDoesNotWork(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	a.lease(0, limit.Ask{Process: "a", Want: 1})
	a.lease(time.Second, limit.Ask{Process: "a", Want: 1, Report: limit.Report{Failed: 3}})
	a.lease(5*time.Hour, limit.Ask{Process: "a", Want: 1})
	a.lease(5*time.Hour+time.Second, limit.Ask{Process: "a", Report: limit.Report{Succeeded: 1}})
	if took := a.run(limit.Shares{}); took < 5*time.Hour+idleTime || took > 5*time.Hour+3*idleTime {
		t.Errorf("it ends after %s", took)
	}
	var states []limit.BreakerState
	for _, p := range a.parts["a"] {
		states = append(states, p.Breaker.State)
	}
	if got, want := fmt.Sprint(states), fmt.Sprint([]limit.BreakerState{limit.Closed, limit.Open, limit.HalfOpen, limit.Closed}); got != want {
		t.Errorf("the breaker is %s, want %s", got, want)
	}
}

// TestInstitutionContinues: an execution with a long history is followed by one that knows the same parts.
func TestInstitutionContinues(t *testing.T) {
	t.Parallel()
	a := newAsking(t)
	a.RegisterDelayedCallback(func() { a.SetContinueAsNewSuggested(true) }, time.Second)
	a.lease(0, limit.Ask{Process: "a", Want: 4, Report: limit.Report{Failed: 1}})
	a.run(limit.Shares{})
	var again *workflow.ContinueAsNewError
	if err := a.GetWorkflowError(); !errors.As(err, &again) || again.WorkflowType.Name != "Institution" {
		t.Fatal(err)
	}
	var in InstitutionInput
	if err := converter.GetDefaultDataConverter().FromPayloads(again.Input, &in); err != nil {
		t.Fatal(err)
	}
	next := newAsking(t)
	next.SetStartTime(a.Now())
	next.lease(time.Second, limit.Ask{Process: "b", Want: 4})
	next.lease(2*time.Second, limit.Ask{Process: "b", Want: 4, Report: limit.Report{Failed: 2}})
	next.lease(2*time.Minute, limit.Ask{Process: "b", Report: limit.Report{Succeeded: 1}})
	next.run(in.Shares)
	if parts := next.parts["b"]; parts[0].Sessions != 0 || parts[1].Breaker.State != limit.Open {
		t.Errorf("%+v: a part of process a is given again, or its failure is forgotten", parts)
	}
}
