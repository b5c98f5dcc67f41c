// Requests for a backlog that is longer than one execution: they are answered when it is empty.

package flow

import (
	"errors"
	"testing"
	"time"

	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal/backlog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// updateResult receives the result of an update.
type updateResult struct {
	result *Result
	err    error
}

func (a *updateResult) Accept()          {}
func (a *updateResult) Reject(err error) { a.err = err }
func (a *updateResult) Complete(success any, err error) {
	if result, ok := success.(Result); ok {
		a.result = &result
	}
	a.err = err
}

// TestDrainReportsRemainingBacklog: an execution that continues as new has not drained the backlog, also if its last pass began
// after the request.
func TestDrainReportsRemainingBacklog(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		backlog     uint64
		in          Input
		suggested   bool
		runs        int
		interrupted bool
	}{
		{"more runs than an execution has", runsPerExecution + 50, Input{}, false, runsPerExecution, true},
		{"as many runs as an execution has", runsPerExecution, Input{}, false, runsPerExecution, true},
		{"fewer", 3, Input{}, false, 3, false},
		{"the server suggests a new execution", 50, Input{BySuggestion: true}, true, runs.MaxInFlight, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			steps := &scriptedSteps{}
			env := virtualEnvironment(steps)
			var got updateResult
			env.RegisterDelayedCallback(func() {
				steps.mu.Lock()
				steps.backlog = tt.backlog
				steps.mu.Unlock()
				env.UpdateWorkflow(drainUpdate, "request", &got)
			}, backlog.IdleTimeout/2)
			if tt.suggested {
				env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
					env.SetContinueAsNewSuggested(info.ActivityType.Name == "publish")
				})
			}
			env.RegisterDelayedCallback(env.CancelWorkflow, time.Hour)
			tt.in.Pipeline, tt.in.Follow = "orders", true
			env.ExecuteWorkflow(Reconcile, tt.in)
			var again *workflow.ContinueAsNewError
			if isNew := errors.As(env.GetWorkflowError(), &again); isNew != tt.interrupted {
				t.Errorf("the execution ends with %v", env.GetWorkflowError())
			}
			if got.err != nil || got.result == nil {
				t.Fatalf("answered with %+v, %v", got.result, got.err)
			}
			if got.result.Interrupted != tt.interrupted || !tt.suggested && got.result.Runs != tt.runs {
				t.Errorf("answered with %+v", got.result)
			}
		})
	}
}
