// Package flow is the workflows of pipelines. A workflow manages the backlog of one: it lets runs be planned and takes them through
// the lanes. It decides nothing else; the catalog knows what is done and what is next, so a lost workflow can be replaced by a new
// one. Only this package knows Temporal. Histories hold references and counts, never event data (rule 7). Workflow code is
// replayed, so it must not ask the clock, and the names of workflows and activities must not change.
package flow

import (
	"context"
	"time"

	"bursar/internal/reconcile/runs"
	"bursar/internal/role"
	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"

	"go.temporal.io/sdk/workflow"
)

const (
	// TaskQueue is the task queue of workflows and of most steps.
	TaskQueue = string(role.Reconcile)
	// IndexQueue is the task queue of the step index.
	IndexQueue = string(role.Index)

	// runsPerExecution bounds the runs of an execution. Its history is bounded too: the length depends on partitions, updates
	// and idle passes, and the server reports when it is long enough.
	runsPerExecution = 100
	// heartbeatTimeout is how long a step may be silent before the server starts another attempt.
	heartbeatTimeout = 8 * time.Second
	// longestStep bounds one attempt at a step. Heartbeats detect dead workers much sooner; this is for steps that hang.
	longestStep = 24 * time.Hour

	nextActivity = "next"
)

// Steps are the plain functions of a run. Each is idempotent (rule 5): if it is done already it returns what was recorded. The
// class of an error decides whether the step is retried.
type Steps interface {
	// Next returns the oldest unpublished run above after, or plans a new one: of the generation that readers see or, with rebuild,
	// of the one that a rebuild is making.
	Next(ctx context.Context, pipeline string, after uint64, rebuild bool) (next runs.NextResult, err error)
	// Partition executes a step for one partition. It may be called while an earlier attempt still hangs.
	Partition(ctx context.Context, ref runs.Ref, step runs.StepName, partition int) (runs.StepResult, error)
	// Step executes one of StepNames, or those partitions of it that are not done.
	Step(ctx context.Context, ref runs.Ref, step runs.StepName) (runs.StepResult, error)
}

// Input starts the workflow Reconcile.
type Input struct {
	Pipeline string `json:"pipeline"`
	// Runs counts the runs of earlier executions in the same chain.
	Runs int `json:"runs"`
	// Follow makes the workflow stay when the backlog is empty, and wait for SealedSignal.
	Follow bool `json:"follow,omitempty"`
	// Rebuild makes it execute the runs of the generation that a rebuild is making.
	Rebuild bool `json:"rebuild,omitempty"`
	// Failures counts consecutive failures of earlier executions.
	Failures int `json:"failures,omitempty"`
	// BySuggestion makes an execution continue as new also when the server suggests it. Executions started without it only count
	// their runs.
	BySuggestion bool `json:"by_suggestion,omitempty"`
	// Project is the id of the project that starts the workflow. Empty if no other project reaches the server.
	Project string `json:"project,omitempty"`
	// Join makes an execution answer requests also if it does not follow, and accept FollowSignal: several processes share it.
	Join bool `json:"join,omitempty"`
}

// Result is the result of the workflow Reconcile.
type Result struct {
	Runs int `json:"runs"`
	// Interrupted reports that there may be more runs: the execution continued as new.
	Interrupted bool `json:"interrupted,omitempty"`
}

// Plus is the result of two executions or requests, one after the other.
func (r Result) Plus(next Result) Result { return Result{Runs: r.Runs + next.Runs} }

// IsInterrupted reports that there may be more runs.
func (r Result) IsInterrupted() bool { return r.Interrupted }

// NextInput requests a pipeline's next run.
type NextInput struct {
	Pipeline string `json:"pipeline"`
	After    uint64 `json:"after,omitempty"` // the last run in flight
	Rebuild  bool   `json:"rebuild,omitempty"`
	Project  string `json:"project,omitempty"` // as in Input; also below
}

// StepInput requests one step of a run.
type StepInput struct {
	Ref     runs.Ref      `json:"ref"`
	Step    runs.StepName `json:"step"`
	Project string        `json:"project,omitempty"`
}

// PartitionInput requests one step of a run for one partition.
type PartitionInput struct {
	Ref       runs.Ref      `json:"ref"`
	Step      runs.StepName `json:"step"`
	Partition int           `json:"partition"`
	Project   string        `json:"project,omitempty"`
}

// Reconcile executes the backlog of one pipeline, and waits for more batches if Follow is set. Its workflow id is given by
// WorkflowID.
func Reconcile(ctx workflow.Context, in Input) (Result, error) {
	m := &backlogManager{in: in, completed: map[completedStep]bool{}}
	m.passes = backlog.Passes{Follow: in.Follow, Join: in.Join, Failures: in.Failures}
	if err := m.passes.Handle(ctx, names, m.handleDrain); err != nil {
		return Result{}, err
	}
	again, err := m.passes.Work(ctx, func() bool { return m.isLong(ctx, m.runs) }, m.pass)
	if err != nil || !again {
		return Result{Runs: in.Runs + m.runs}, err
	}
	in.Runs, in.Follow, in.Failures = in.Runs+m.runs, m.passes.Follow, m.passes.Failures
	return Result{}, workflow.NewContinueAsNewError(ctx, Reconcile, in)
}

// isLong reports whether this execution, after so many runs, has to continue as new.
func (m *backlogManager) isLong(ctx workflow.Context, runs int) bool {
	return runs >= runsPerExecution || m.in.BySuggestion && workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// stepContext sets the options that all activities have.
func stepContext(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: longestStep,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         temporal.RetryPolicy(),
		WaitForCancellation: true, // a cancelled run ends after its step, so that no step runs on unnoticed
	})
}

func rebuildID(pipeline string) string { return "rebuild/" + pipeline }

// WorkflowID is the id of a pipeline's workflow; each pipeline has one.
func WorkflowID(pipeline string) string { return "reconcile/" + pipeline }

const (
	// SealedSignal notifies a workflow that a batch was sealed.
	SealedSignal = "sealed"
	// FollowSignal is SealedSignal, and makes a workflow that several processes share stay when the backlog is empty.
	FollowSignal = "follow"
	// drainUpdate requests that a workflow executes the current backlog, and returns when that is done.
	drainUpdate = "work off"
)

var names = backlog.Names{Wake: SealedSignal, Follow: FollowSignal, Drain: drainUpdate}

// handleDrain waits for a pass over the backlog that starts after the request.
func (m *backlogManager) handleDrain(ctx workflow.Context) (Result, error) {
	before := m.runs
	answered, err := m.passes.Request(ctx)
	return Result{Runs: m.runs - before, Interrupted: !answered}, err
}
