// The workflow that executes scheduled work. What is due, and how it ended, is in the catalog: a lost workflow can be replaced by a new one.

package flow

import (
	"context"
	"log/slog"
	"time"

	"bursar/internal/temporal/backlog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
)

const (
	// ScheduleWorkflowID is the id of the workflow; a project has one.
	ScheduleWorkflowID = "warehouse/schedule"

	dueActivity     = "due"
	executeActivity = "execute"
	lookUpdate      = "look"
)

var scheduleNames = backlog.Names{Wake: WakeSignal, Follow: FollowSignal, Drain: lookUpdate}

// Scheduled is the plain functions of scheduled work. Each is idempotent (rule 5). Errors of the work itself are recorded, not returned.
type Scheduled interface {
	// Due lists the tasks that are due, in the order in which they are executed, and when to ask again; zero if nothing is scheduled.
	Due(ctx context.Context) (due []string, again time.Time, err error)
	// Execute executes a task if it is due. It may be called while an earlier attempt still hangs.
	Execute(ctx context.Context, task string) error
}

// ScheduleInput starts the workflow Schedule; the fields are those of Input.
type ScheduleInput struct {
	Project  string `json:"project,omitempty"`
	Follow   bool   `json:"follow,omitempty"`
	Join     bool   `json:"join,omitempty"`
	Failures int    `json:"failures,omitempty"`
}

// ScheduleResult is the result of the workflow Schedule, and of a request to it.
type ScheduleResult struct {
	Executed    int  `json:"executed"` // tasks
	Interrupted bool `json:"interrupted,omitempty"`
}

// Plus is the result of two executions or requests, one after the other.
func (r ScheduleResult) Plus(next ScheduleResult) ScheduleResult {
	return ScheduleResult{r.Executed + next.Executed, next.Interrupted}
}

// IsInterrupted reports that there may be more to do.
func (r ScheduleResult) IsInterrupted() bool { return r.Interrupted }

// DueInput asks for the tasks that are due.
type DueInput struct {
	Project string `json:"project,omitempty"`
}

// DueResult is its answer.
type DueResult struct {
	Tasks []string  `json:"tasks"`
	Again time.Time `json:"again"` // when to ask again
}

// ExecuteInput requests one task.
type ExecuteInput struct {
	Task    string `json:"task"`
	Project string `json:"project,omitempty"`
}

// Schedule executes what is due, one task after another, and stays if Follow is set. Its workflow id is ScheduleWorkflowID.
func Schedule(ctx workflow.Context, in ScheduleInput) (ScheduleResult, error) {
	s := &scheduling{in: in}
	s.passes = backlog.Passes{Follow: in.Follow, Join: in.Join, Failures: in.Failures, RetryAll: true}
	if err := s.passes.Handle(ctx, scheduleNames, s.handleRequest); err != nil {
		return ScheduleResult{}, err
	}
	again, err := s.passes.Work(ctx, func() bool { return isLong(ctx) }, s.pass)
	if err != nil || !again {
		return ScheduleResult{Executed: s.executed}, err
	}
	in.Follow, in.Failures = s.passes.Follow, s.passes.Failures
	return ScheduleResult{}, workflow.NewContinueAsNewError(ctx, Schedule, in)
}

// scheduling is the state of one execution of Schedule.
type scheduling struct {
	in       ScheduleInput
	passes   backlog.Passes
	executed int
}

// handleRequest answers when everything that is due now was executed.
func (s *scheduling) handleRequest(ctx workflow.Context) (ScheduleResult, error) {
	before := s.executed
	answered, err := s.passes.Request(ctx)
	return ScheduleResult{Executed: s.executed - before, Interrupted: !answered}, err
}

// pass executes what is due until nothing is.
func (s *scheduling) pass(ctx workflow.Context) (done bool, err error) {
	for !isLong(ctx) {
		var due DueResult
		if err := workflow.ExecuteActivity(activityContext(ctx), dueActivity, DueInput{s.in.Project}).Get(ctx, &due); err != nil {
			return false, err
		}
		s.passes.Until = due.Again
		if len(due.Tasks) == 0 {
			return true, nil
		}
		for _, task := range due.Tasks {
			if err := workflow.ExecuteActivity(activityContext(ctx), executeActivity, ExecuteInput{task, s.in.Project}).Get(ctx, nil); err != nil {
				return false, err
			}
			s.executed++
			s.passes.Succeed()
		}
	}
	return false, nil
}

// Scheduler keeps the workflow of a project's schedules running. It is safe for concurrent use.
type Scheduler struct {
	project   string
	workflows *backlog.Runner[ScheduleInput, ScheduleResult]
}

// NewScheduler returns the scheduler of a project; the arguments are those of NewRunner.
func NewScheduler(c client.Client, project string, shared bool, log *slog.Logger) *Scheduler {
	kind := backlog.Kind{Queue: TaskQueue, Function: Schedule, Names: scheduleNames}
	return &Scheduler{project, backlog.NewRunner[ScheduleInput, ScheduleResult](kind, c, shared, log)}
}

// Follow makes the workflow stay and execute what becomes due, until the process ends or Unfollow.
func (s *Scheduler) Follow(ctx context.Context) error { return s.workflows.Follow(ctx, s.workflow()) }

// Unfollow ends the workflow and awaits its task. A workflow that is shared is only no longer restarted by this process.
func (s *Scheduler) Unfollow(ctx context.Context) error {
	return s.workflows.Unfollow(ctx, ScheduleWorkflowID)
}

func (s *Scheduler) workflow() backlog.Workflow[ScheduleInput] {
	return backlog.Workflow[ScheduleInput]{
		ID: ScheduleWorkflowID, Project: s.project,
		Input: func(follow bool) ScheduleInput {
			return ScheduleInput{Project: s.project, Follow: follow, Join: s.workflows.IsShared()}
		},
	}
}
