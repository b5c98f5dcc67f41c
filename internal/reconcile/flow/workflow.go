// Package flow is the workflows of pipelines. A workflow manages the backlog of one: it lets runs be planned and takes them through
// the lanes. It decides nothing else; the catalog knows what is done and what is next, so a lost workflow can be replaced by a new
// one. Only this package knows Temporal. Histories hold references and counts, never event data (rule 7). Workflow code is
// replayed, so it must not ask the clock, and the names of workflows and activities must not change.
package flow

import (
	"context"
	"time"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/role"
	"bursar/internal/temporal"

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
	m := &backlogManager{in: in, failures: in.Failures, completed: map[completedStep]bool{}}
	if err := m.registerHandlers(ctx); err != nil {
		return Result{}, err
	}
	for !m.isLong(ctx, m.runs) {
		err := m.pass(ctx)
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		if m.isLong(ctx, m.runs) {
			break
		}
		goOn, waitErr := m.waitForWork(ctx, err)
		if waitErr != nil {
			return Result{}, waitErr
		}
		if !goOn {
			return Result{Runs: in.Runs + m.runs}, err
		}
	}
	if err := m.finishHandlers(ctx); err != nil {
		return Result{}, err
	}
	next := m.in
	next.Runs, next.Failures = in.Runs+m.runs, m.failures
	return Result{}, workflow.NewContinueAsNewError(ctx, Reconcile, next)
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

	// idleTimeout bounds the wait of a following workflow: a lost signal delays a batch by no more than this.
	idleTimeout = time.Minute
)

// backoff is the wait after a transient failure that outlasted its retries.
var backoff = failure.Backoff{Least: 2 * time.Second, Most: 2 * time.Minute}

// registerHandlers accepts signals and requests. The handlers of those that an execution was started with run before it returns.
func (m *backlogManager) registerHandlers(ctx workflow.Context) error {
	if !m.in.Follow && !m.in.Join {
		return nil
	}
	onSignal(ctx, SealedSignal, func() { m.wakeRequested = true })
	if m.in.Join {
		onSignal(ctx, FollowSignal, func() { m.in.Follow, m.wakeRequested = true, true })
	}
	if err := workflow.SetUpdateHandler(ctx, drainUpdate, m.handleDrain); err != nil {
		return err
	}
	return m.runHandlers(ctx)
}

// onSignal calls handle for each signal of a name.
func onSignal(ctx workflow.Context, name string, handle func()) {
	signals := workflow.GetSignalChannel(ctx, name)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			handle()
		}
	})
}

// runHandlers lets the handlers of signals and requests that have arrived run up to where they wait. Those that an execution has not
// handled when it ends would be lost. Executions without Join are not shared, and their histories were recorded without it.
func (m *backlogManager) runHandlers(ctx workflow.Context) error {
	if !m.in.Join {
		return nil
	}
	ran := false // by a coroutine that is behind the handlers' in the order of execution
	workflow.Go(ctx, func(workflow.Context) { ran = true })
	return workflow.Await(ctx, func() bool { return ran })
}

// handleDrain waits for a pass over the backlog that starts after the request.
func (m *backlogManager) handleDrain(ctx workflow.Context) (Result, error) {
	m.requests++
	m.wakeRequested = true
	request, before := m.requests, m.runs
	if err := workflow.Await(ctx, func() bool { return m.answered >= request || m.ending }); err != nil {
		return Result{}, err
	}
	if m.answered < request {
		return Result{Runs: m.runs - before, Interrupted: true}, nil
	}
	return Result{Runs: m.runs - before}, m.outcome
}

// waitForWork waits after a pass until there is something to do. It reports false if the execution ends: it does not follow, and nobody
// has requested another pass.
func (m *backlogManager) waitForWork(ctx workflow.Context, failed error) (goOn bool, err error) {
	for {
		if err := m.runHandlers(ctx); err != nil {
			return false, err
		}
		ended := m.ending
		m.ending = false
		switch {
		case m.in.Follow:
			return true, m.waitForBatch(ctx, failed)
		case m.requests > m.answered || m.wakeRequested && failed == nil:
			return true, nil
		case ended || !m.in.Join:
			return false, nil
		}
		if err := m.finishHandlers(ctx); err != nil {
			return false, err
		}
	}
}

// waitForBatch waits until a batch is sealed or there is a request. After a transient failure it retries after a while; after other
// failures only on request, because the same input would fail the same way, and so with what all processes decline. Where several
// processes share the pipeline, also when one of them signals: another project folder may have come with it, or a rebuild been made since.
func (m *backlogManager) waitForBatch(ctx workflow.Context, failed error) error {
	if failed == nil {
		m.failures = 0
		_, err := workflow.AwaitWithTimeout(ctx, idleTimeout, func() bool { return m.wakeRequested })
		return err
	}
	requested := func() bool { return m.requests > m.answered }
	if temporal.WasDeclined(failed) || !failure.Of(temporal.FromTemporal(failed)).Retryable() {
		return workflow.Await(ctx, func() bool { return requested() || m.in.Join && m.wakeRequested })
	}
	m.failures++
	_, err := workflow.AwaitWithTimeout(ctx, backoff.After(m.failures), requested)
	return err
}

// finishHandlers lets the waiting update handlers return, so that their callers repeat the request on the next execution.
func (m *backlogManager) finishHandlers(ctx workflow.Context) error {
	m.ending = true
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return m.runHandlers(ctx)
}
