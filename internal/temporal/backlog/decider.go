// A workflow that starts what is due: one activity decides what that is, and starts it.

package backlog

import (
	"context"
	"log/slog"
	"time"

	"bursar/internal/temporal"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
)

// DeciderInput starts the workflow of a decider.
type DeciderInput struct {
	// Project is the id of the project that starts the workflow. Empty if no other project reaches the server.
	Project string `json:"project,omitempty"`
	// Follow makes the workflow stay when nothing is due, and wait for a signal.
	Follow bool `json:"follow,omitempty"`
	// Join makes an execution answer requests also if it does not follow, and accept the signal Follow: several processes share it.
	Join     bool `json:"join,omitempty"`
	Failures int  `json:"failures,omitempty"` // consecutive, of earlier executions of the same chain
}

// DeciderResult is the result of the workflow of a decider, and of a request to it.
type DeciderResult struct {
	Started     int  `json:"started"`
	Interrupted bool `json:"interrupted,omitempty"`
}

// Plus is the result of two executions or requests, one after the other.
func (r DeciderResult) Plus(next DeciderResult) DeciderResult {
	return DeciderResult{r.Started + next.Started, next.Interrupted}
}

// IsInterrupted reports that there may be more to do.
func (r DeciderResult) IsInterrupted() bool { return r.Interrupted }

// DecideInput asks for a decision.
type DecideInput struct {
	Project string `json:"project,omitempty"`
}

// DecideResult is its answer.
type DecideResult struct {
	Started int       `json:"started"`
	Again   time.Time `json:"again"` // when to decide again; zero: when something changes
}

// Decider is what such a workflow differs in. None of it may change while workflows run, but for Options.
type Decider struct {
	Names    Names
	Activity string // takes a DecideInput, and returns a DecideResult
	Options  workflow.ActivityOptions
	Function func(workflow.Context, DeciderInput) (DeciderResult, error) // the workflow, which calls Run and does nothing else
}

// Run decides and starts until nothing is due, and stays if Follow is set.
func (d *Decider) Run(ctx workflow.Context, in DeciderInput) (DeciderResult, error) {
	s := &deciding{decider: d, in: in}
	s.passes = Passes{Follow: in.Follow, Join: in.Join, Failures: in.Failures, RetryAll: true}
	if err := s.passes.Handle(ctx, d.Names, s.handleRequest); err != nil {
		return DeciderResult{}, err
	}
	again, err := s.passes.Work(ctx, func() bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }, s.pass)
	if err != nil || !again {
		return DeciderResult{Started: s.started}, err
	}
	in.Follow, in.Failures = s.passes.Follow, s.passes.Failures
	return DeciderResult{}, workflow.NewContinueAsNewError(ctx, d.Function, in)
}

// deciding is the state of one execution.
type deciding struct {
	decider *Decider
	in      DeciderInput
	passes  Passes
	started int
}

// handleRequest answers when everything that is due now was started.
func (s *deciding) handleRequest(ctx workflow.Context) (DeciderResult, error) {
	before := s.started
	answered, err := s.passes.Request(ctx)
	return DeciderResult{Started: s.started - before, Interrupted: !answered}, err
}

func (s *deciding) pass(ctx workflow.Context) (done bool, err error) {
	o := s.decider.Options
	o.RetryPolicy, o.WaitForCancellation = temporal.RetryPolicy(), true
	var decided DecideResult
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), s.decider.Activity, DecideInput{s.in.Project}).Get(ctx, &decided); err != nil {
		return false, err
	}
	s.passes.Until = decided.Again
	s.started += decided.Started
	return true, nil
}

// Scheduler keeps the workflow of a decider running. It is safe for concurrent use.
type Scheduler struct {
	id, project string
	workflows   *Runner[DeciderInput, DeciderResult]
}

// NewScheduler returns the scheduler of a project, whose workflow has an id. shared is whether several processes share the project.
func NewScheduler(kind Kind, id string, c client.Client, project string, shared bool, log *slog.Logger) *Scheduler {
	return &Scheduler{id, project, NewRunner[DeciderInput, DeciderResult](kind, c, shared, log)}
}

// Follow makes the workflow stay and start what becomes due, until the process ends or Unfollow.
func (s *Scheduler) Follow(ctx context.Context) error { return s.workflows.Follow(ctx, s.workflow()) }

// Unfollow ends the workflow and awaits its activity. A workflow that is shared is only no longer restarted by this process.
func (s *Scheduler) Unfollow(ctx context.Context) error { return s.workflows.Unfollow(ctx, s.id) }

// Wake notifies the workflow that something has changed.
func (s *Scheduler) Wake(ctx context.Context) error { return s.workflows.Wake(ctx, s.workflow()) }

func (s *Scheduler) workflow() Workflow[DeciderInput] {
	return Workflow[DeciderInput]{
		ID: s.id, Project: s.project,
		Input: func(follow bool) DeciderInput {
			return DeciderInput{Project: s.project, Follow: follow, Join: s.workflows.IsShared()}
		},
	}
}
