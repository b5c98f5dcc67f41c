// The workflow that starts refreshes when they are due.

package flow

import (
	"log/slog"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/temporal/backlog"
)

var scheduleNames = backlog.Names{Wake: WakeSignal, Follow: FollowSignal, Drain: lookUpdate}

// Schedule starts the refreshes that are due, and stays if Follow is set. Its workflow id is ScheduleWorkflowID.
func Schedule(ctx workflow.Context, in backlog.DeciderInput) (backlog.DeciderResult, error) {
	d := backlog.Decider{
		Names: scheduleNames, Activity: decideActivity, Function: Schedule,
		Options: workflow.ActivityOptions{StartToCloseTimeout: longestAttempt, HeartbeatTimeout: heartbeatTimeout},
	}
	return d.Run(ctx, in)
}

// Scheduler keeps the workflow running. It is safe for concurrent use.
type Scheduler = backlog.Scheduler

// NewScheduler returns the scheduler of a project. shared is whether several processes share the project.
func NewScheduler(c client.Client, project string, shared bool, log *slog.Logger) *Scheduler {
	kind := backlog.Kind{Queue: TaskQueue, Function: Schedule, Names: scheduleNames}
	return backlog.NewScheduler(kind, ScheduleWorkflowID, c, project, shared, log)
}
