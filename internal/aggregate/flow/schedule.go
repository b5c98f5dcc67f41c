// The workflow that starts refreshes when they are due.

package flow

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
)

var scheduleNames = backlog.Names{Wake: WakeSignal, Follow: FollowSignal, Drain: lookUpdate}

// ScheduleInput starts the workflow Schedule.
type ScheduleInput struct {
	// Project is the id of the project that starts the workflow. Empty if no other project reaches the server.
	Project string `json:"project,omitempty"`
	// Follow makes the workflow stay when nothing is due, and wait for WakeSignal.
	Follow bool `json:"follow,omitempty"`
	// Join makes an execution answer requests also if it does not follow, and accept FollowSignal: several processes share it.
	Join     bool `json:"join,omitempty"`
	Failures int  `json:"failures,omitempty"` // consecutive, of earlier executions of the same chain
}

// ScheduleResult is the result of the workflow Schedule, and of a request to it.
type ScheduleResult struct {
	Started     int  `json:"started"` // refreshes
	Interrupted bool `json:"interrupted,omitempty"`
}

// Plus is the result of two executions or requests, one after the other.
func (r ScheduleResult) Plus(next ScheduleResult) ScheduleResult {
	return ScheduleResult{r.Started + next.Started, next.Interrupted}
}

// IsInterrupted reports that there may be more to do.
func (r ScheduleResult) IsInterrupted() bool { return r.Interrupted }

// DecideInput asks for a decision.
type DecideInput struct {
	Project string `json:"project,omitempty"`
}

// DecideResult is its answer.
type DecideResult struct {
	Started int       `json:"started"` // refreshes
	Again   time.Time `json:"again"`
}

// Schedule starts the refreshes that are due, and stays if Follow is set. Its workflow id is ScheduleWorkflowID.
func Schedule(ctx workflow.Context, in ScheduleInput) (ScheduleResult, error) {
	s := &scheduling{in: in}
	s.passes = backlog.Passes{Follow: in.Follow, Join: in.Join, Failures: in.Failures, RetryAll: true}
	if err := s.passes.Handle(ctx, scheduleNames, s.handleRequest); err != nil {
		return ScheduleResult{}, err
	}
	again, err := s.passes.Work(ctx, func() bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }, s.pass)
	if err != nil || !again {
		return ScheduleResult{Started: s.started}, err
	}
	in.Follow, in.Failures = s.passes.Follow, s.passes.Failures
	return ScheduleResult{}, workflow.NewContinueAsNewError(ctx, Schedule, in)
}

// scheduling is the state of one execution of Schedule.
type scheduling struct {
	in      ScheduleInput
	passes  backlog.Passes
	started int
}

// handleRequest answers when everything that is due now was started.
func (s *scheduling) handleRequest(ctx workflow.Context) (ScheduleResult, error) {
	before := s.started
	answered, err := s.passes.Request(ctx)
	return ScheduleResult{Started: s.started - before, Interrupted: !answered}, err
}

func (s *scheduling) pass(ctx workflow.Context) (done bool, err error) {
	var decided DecideResult
	if err := workflow.ExecuteActivity(decisionContext(ctx), decideActivity, DecideInput{s.in.Project}).Get(ctx, &decided); err != nil {
		return false, err
	}
	s.passes.Until = decided.Again
	s.started += decided.Started
	return true, nil
}

// decisionContext sets the options of the activities that decide.
func decisionContext(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: longestAttempt,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         temporal.RetryPolicy(),
		WaitForCancellation: true,
	})
}

// Scheduler keeps the workflow of a project's refreshes running. It is safe for concurrent use.
type Scheduler struct {
	project   string
	workflows *backlog.Runner[ScheduleInput, ScheduleResult]
}

// NewScheduler returns the scheduler of a project. shared is whether several processes share the project.
func NewScheduler(c client.Client, project string, shared bool, log *slog.Logger) *Scheduler {
	kind := backlog.Kind{Queue: TaskQueue, Function: Schedule, Names: scheduleNames}
	return &Scheduler{project, backlog.NewRunner[ScheduleInput, ScheduleResult](kind, c, shared, log)}
}

// Follow makes the workflow stay and start what becomes due, until the process ends or Unfollow.
func (s *Scheduler) Follow(ctx context.Context) error { return s.workflows.Follow(ctx, s.workflow()) }

// Unfollow ends the workflow and awaits its activity. A workflow that is shared is only no longer restarted by this process.
func (s *Scheduler) Unfollow(ctx context.Context) error {
	return s.workflows.Unfollow(ctx, ScheduleWorkflowID)
}

// Wake notifies the workflow that something has changed.
func (s *Scheduler) Wake(ctx context.Context) error { return s.workflows.Wake(ctx, s.workflow()) }

func (s *Scheduler) workflow() backlog.Workflow[ScheduleInput] {
	return backlog.Workflow[ScheduleInput]{
		ID: ScheduleWorkflowID, Project: s.project,
		Input: func(follow bool) ScheduleInput {
			return ScheduleInput{Project: s.project, Follow: follow, Join: s.workflows.IsShared()}
		},
	}
}
