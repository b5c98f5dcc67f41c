// Package flow has the workflows of jobs: one of the project that starts slots when they are due, and one for each slot that is executed. They
// wait, and hand work out; what is due, which tasks a slot has and how they ended is in the catalog, so that a lost workflow can be replaced by
// a new one. Only this package of the jobs knows Temporal. Histories hold references and counts (rule 7). Workflow code is replayed, so it must
// not ask the clock, and the names of workflows, signals and activities must not change.
package flow

import (
	"context"
	"time"

	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/role"
)

const (
	// TaskQueue is the task queue of the workflows, and of the activities that decide.
	TaskQueue = string(role.Job)
	// TasksQueue is that of the activities that execute tasks. A process that is busy with them still decides.
	TasksQueue = TaskQueue + "-tasks"
	// ScheduleWorkflowID is the id of the workflow Schedule; a project has one.
	ScheduleWorkflowID = "job/schedule"

	// WakeSignal notifies the workflow Schedule that something has changed: a slot has ended, or a person has asked for one.
	WakeSignal = "changed"
	// FollowSignal is WakeSignal, and makes a workflow that several processes share stay.
	FollowSignal = "follow"
	lookUpdate   = "look"
	// releasedSignal notifies a slot that it has another chunk.
	releasedSignal = "released"

	decideActivity  = "decide"
	divideActivity  = "divide"
	executeActivity = "execute"
	finishActivity  = "finish"

	// heartbeatTimeout is how long an activity that decides may be silent before the server starts another attempt.
	heartbeatTimeout = 8 * time.Second
	// longestAttempt bounds one attempt. Heartbeats detect dead workers much sooner, and each task has a timeout.
	longestAttempt = 30 * 24 * time.Hour
)

// Decision is what is to be done about the slots of a project.
type Decision struct {
	Start  []record.Ref // slots to execute; those that are executed already stay as they are
	Cancel []record.Ref
	Again  time.Time // when to decide again; zero: nothing is scheduled
}

// Division is how a slot is divided, and how its tasks are executed.
type Division struct {
	Ended       bool          `json:"ended,omitempty"` // there is nothing to do
	Chunks      int           `json:"chunks"`
	Concurrency int           `json:"concurrency"` // tasks at a time
	Heartbeat   time.Duration `json:"heartbeat"`   // a worker that is silent for so long is given up
}

// Ending is how the execution of a slot has ended.
type Ending struct {
	Cancelled bool
	Err       error // why it cannot go on; nil: its tasks say how it ended
}

// Handling says how a worker executes the tasks of a chunk; see chunk.Execution.
type Handling struct {
	Stop      <-chan struct{}
	Released  func(ctx context.Context, chunk int)
	AfterLoss bool
}

// Steps are the plain functions of slots. Each is idempotent (rule 5). The class of an error decides whether it is called again.
type Steps interface {
	// Decide records what becomes of the slots that are due, and says which are executed.
	Decide(ctx context.Context) (Decision, error)
	// Divide fixes the tasks of a slot.
	Divide(ctx context.Context, ref record.Ref) (Division, error)
	// Execute executes the tasks of a chunk that are due. After stop it begins no more tasks. It calls released for each chunk that it adds.
	Execute(ctx context.Context, ref record.Ref, number int, h Handling) (chunk.Executed, error)
	// Release gives the tasks of a chunk that have not begun to new chunks, which it returns.
	Release(ctx context.Context, ref record.Ref, number int) (added []int, err error)
	// Finish records the end of a slot, unless chunks remain, which it returns.
	Finish(ctx context.Context, ref record.Ref, how Ending) ([]chunk.Unended, error)
}

// SlotWorkflowID returns the id of the workflow of a slot.
func SlotWorkflowID(ref record.Ref) string { return "job/" + ref.String() }
