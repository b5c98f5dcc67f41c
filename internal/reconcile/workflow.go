// The workflow of a pipeline is its backlog manager: it has runs planned, and moves them through the lanes like an assembly
// line. It decides nothing else; what is done and what comes next the catalog says, so a workflow that is lost is
// replaced by a new one.

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
	// IndexQueue is the task queue of index workers: what they do is handed out by partition.
	IndexQueue = "index"

	// runsPerExecution bounds an execution besides its history, whose length depends on partitions, updates and idle passes, and
	// of which the server says when it is long enough.
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
	// Next returns the oldest unpublished run above after, or fixes the batches of a new one.
	Next(ctx context.Context, pipeline string, after uint64) (next NextResult, err error)
	// NextOfRebuild is Next for the generation that a rebuild is making.
	NextOfRebuild(ctx context.Context, pipeline string, after uint64) (next NextResult, err error)
	// Partition does one partition's share of a step. It may be called while an attempt that hangs is still at it.
	Partition(ctx context.Context, ref RunRef, step string, partition int) (StepResult, error)
	// Step carries out one of StepNames: what its partitions have not done of it.
	Step(ctx context.Context, ref RunRef, step string) (StepResult, error)
}

// WorkflowInput starts the workflow Reconcile.
type WorkflowInput struct {
	Pipeline string `json:"pipeline"`
	// Runs counts those of earlier executions in the same chain.
	Runs int `json:"runs"`
	// Follow makes the workflow stay when the backlog is worked off, and wait for SealedSignal.
	Follow bool `json:"follow,omitempty"`
	// Rebuild makes it work off the generation that a rebuild is making.
	Rebuild bool `json:"rebuild,omitempty"`
	// Failures counts those in a row, of earlier executions.
	Failures int `json:"failures,omitempty"`
	// BySuggestion has an execution end for a new one also when the server suggests it. Executions that were started without it
	// count their runs only.
	BySuggestion bool `json:"by_suggestion,omitempty"`
}

// WorkflowResult is what the workflow Reconcile did.
type WorkflowResult struct {
	Runs int `json:"runs"`
	// Interrupted says that there may be more: the execution ended for a new one.
	Interrupted bool `json:"interrupted,omitempty"`
}

// NextInput asks for a pipeline's next run.
type NextInput struct {
	Pipeline string `json:"pipeline"`
	After    uint64 `json:"after,omitempty"` // the last run in flight
	Rebuild  bool   `json:"rebuild,omitempty"`
}

// NextResult is a pipeline's next run, or that there is no backlog.
type NextResult struct {
	Ref        RunRef `json:"ref"`
	Backlog    bool   `json:"backlog"`
	Partitions int    `json:"partitions,omitempty"`
}

// StepInput asks for one step of a run.
type StepInput struct {
	Ref  RunRef `json:"ref"`
	Step string `json:"step"`
}

// PartitionInput asks for one partition's share of a step.
type PartitionInput struct {
	Ref       RunRef `json:"ref"`
	Step      string `json:"step"`
	Partition int    `json:"partition"`
}

// Reconcile works off the backlog of one pipeline, and stays for more if it is to follow. Its workflow id is that of
// WorkflowID.
func Reconcile(ctx workflow.Context, in WorkflowInput) (WorkflowResult, error) {
	m := &backlogManager{in: in, failures: in.Failures}
	if err := m.registerHandlers(ctx); err != nil {
		return WorkflowResult{}, err
	}
	for !m.isLong(ctx, m.runs) {
		err := m.pass(ctx)
		if ctx.Err() != nil {
			return WorkflowResult{}, ctx.Err()
		}
		if m.isLong(ctx, m.runs) {
			break
		}
		if !in.Follow {
			return WorkflowResult{Runs: in.Runs + m.runs}, err
		}
		if err := m.waitForWork(ctx, err); err != nil {
			return WorkflowResult{}, err
		}
	}
	if err := m.finishHandlers(ctx); err != nil {
		return WorkflowResult{}, err
	}
	in.Runs, in.Failures = in.Runs+m.runs, m.failures
	return WorkflowResult{}, workflow.NewContinueAsNewError(ctx, Reconcile, in)
}

// isLong reports whether this execution has to end for a new one, with so many runs in it.
func (m *backlogManager) isLong(ctx workflow.Context, runs int) bool {
	return runs >= runsPerExecution || m.in.BySuggestion && workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// stepContext is for activities: the options that all of them have.
func stepContext(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: longestStep,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         temporal.RetryPolicy(),
		WaitForCancellation: true, // a cancelled run ends when its step has, so that nothing works on behind its back
	})
}

// rebuildID is the id of the workflow that works off a rebuild.
func rebuildID(pipeline string) string { return "rebuild/" + pipeline }

// WorkflowID is the id of a pipeline's workflow: there is one for each pipeline.
func WorkflowID(pipeline string) string { return "reconcile/" + pipeline }
