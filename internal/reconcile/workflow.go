// The workflow of a pipeline: next run, its steps in order, until there is no backlog. It decides nothing else; what
// is done and what comes next the catalog says, so a workflow that is lost is replaced by a new one.

package reconcile

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/temporal"
)

const (
	// TaskQueue is the task queue of the workflow and of its steps.
	TaskQueue = "reconcile"

	// runsPerExecution bounds a history: a run is 37 events of it, and beyond some 4,000 a server asks for a new one.
	runsPerExecution = 100
	// heartbeatTimeout is how long a step may be silent before it counts as dead.
	heartbeatTimeout = 8 * time.Second
	// longestStep bounds one attempt at a step. Heartbeats find the dead much sooner; this is for the stuck.
	longestStep = 24 * time.Hour

	nextActivity = "next"
)

// RunRef names one run: what workflows and activities pass around (rule 7).
type RunRef struct {
	Pipeline   string `json:"pipeline"`
	Generation uint64 `json:"generation"`
	Run        uint64 `json:"run"`
}

// StepResult is what a step reports: counts only (rule 7).
type StepResult struct {
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"`
}

// Steps are the plain functions of a run. Each is idempotent (rule 5): what is done already returns what was recorded.
// Their errors say by their class whether they are tried again.
type Steps interface {
	// Next fixes the batches of the pipeline's next run, or returns the unfinished one; ok is false without backlog.
	Next(ctx context.Context, pipeline string) (ref RunRef, ok bool, err error)
	// Step carries out one of StepNames.
	Step(ctx context.Context, ref RunRef, step string) (StepResult, error)
}

// WorkflowInput starts the workflow Reconcile.
type WorkflowInput struct {
	Pipeline string `json:"pipeline"`
	// Runs counts those of earlier executions in the same chain.
	Runs int `json:"runs"`
}

// WorkflowResult is what the workflow Reconcile did.
type WorkflowResult struct {
	Runs int `json:"runs"`
}

// NextInput asks for a pipeline's next run.
type NextInput struct {
	Pipeline string `json:"pipeline"`
}

// NextResult is a pipeline's next run, or that there is no backlog.
type NextResult struct {
	Ref     RunRef `json:"ref"`
	Backlog bool   `json:"backlog"`
}

// StepInput asks for one step of a run.
type StepInput struct {
	Ref  RunRef `json:"ref"`
	Step string `json:"step"`
}

// Reconcile works off the backlog of one pipeline. Its workflow id is that of WorkflowID.
func Reconcile(ctx workflow.Context, in WorkflowInput) (WorkflowResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: longestStep,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         temporal.RetryPolicy(),
		WaitForCancellation: true, // a cancelled run ends when its step has, so that nothing works on behind its back
	})
	for range runsPerExecution {
		var next NextResult
		if err := workflow.ExecuteActivity(ctx, nextActivity, NextInput{Pipeline: in.Pipeline}).Get(ctx, &next); err != nil {
			return WorkflowResult{}, err
		}
		if !next.Backlog {
			return WorkflowResult{Runs: in.Runs}, nil
		}
		if err := reconcileRun(ctx, next.Ref); err != nil {
			return WorkflowResult{}, err
		}
		in.Runs++
	}
	return WorkflowResult{}, workflow.NewContinueAsNewError(ctx, Reconcile, in)
}

func reconcileRun(ctx workflow.Context, ref RunRef) error {
	for _, step := range StepNames {
		if err := workflow.ExecuteActivity(ctx, step, StepInput{Ref: ref, Step: step}).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// WorkflowID is the id of a pipeline's workflow: there is one for each pipeline.
func WorkflowID(pipeline string) string { return "reconcile/" + pipeline }
