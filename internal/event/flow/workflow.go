// Package flow is the workflows of streams: each decides which process owns its stream, one at a time. The owner is a long activity with heartbeats.
// A process that needs the stream asks for it, and gets it when those before have finished; otherwise any process with the role intake has it. The
// workflow guarantees no exclusion: a process may go on after its heartbeats are missed. Package owner keeps such a one from changing anything.
// Workflow code is replayed, so it must not ask the clock, and the names of workflows and activities must not change.
package flow

import (
	"slices"
	"time"

	"bursar/internal/failure"
	"bursar/internal/temporal"

	"go.temporal.io/sdk/workflow"
)

const (
	// TaskQueue is the task queue of the role intake: of workflows, and of streams that no process has asked for.
	TaskQueue = "intake"

	// heartbeatTimeout is how long an owner may be silent before its stream is given to another process.
	heartbeatTimeout = 8 * time.Second
	// startTimeout is how long a process that asked for a stream may take to start to own it. It asks again after that time.
	startTimeout = 10 * time.Second
	// shortestTurn is how long a process that asked for a stream keeps it before the next one interrupts it: it must have started by then, and two
	// processes that use a stream at the same time do not hand it over all the time.
	shortestTurn = 2 * time.Second
	// taskTimeout is how long a process may take for a step of a workflow; it needs milliseconds. If the process is suspended, the next owner waits
	// for it; if it is only slow, the step is done again.
	taskTimeout = time.Second
	// longestTurn bounds one turn of an owner: nothing else ends one that is not disturbed.
	longestTurn = 365 * 24 * time.Hour

	ownActivity   = "own"
	acquireUpdate = "acquire"
)

// WorkflowID is the id of a stream's workflow; each stream has one.
func WorkflowID(stream string) string { return "stream/" + stream }

// processQueue is the task queue of one process, for the streams that it asked for.
func processQueue(process string) string { return TaskQueue + "/" + process }

// Request is a process's request for a stream.
type Request struct {
	ID      string `json:"id"` // of this request, so that a repeated one counts once
	Process string `json:"process"`
}

// Input starts the workflow Stream.
type Input struct {
	Stream  string    `json:"stream"`
	Project string    `json:"project,omitempty"` // id
	Waiting []Request `json:"waiting,omitempty"` // from the execution before
}

// OwnInput lets a process own a stream until the activity is cancelled.
type OwnInput struct {
	Stream  string `json:"stream"`
	Project string `json:"project,omitempty"` // id
}

// Stream gives a stream to one process after another. Its workflow id is given by WorkflowID.
func Stream(ctx workflow.Context, in Input) error {
	t := &turns{in: in, waiting: in.Waiting}
	if err := workflow.SetUpdateHandler(ctx, acquireUpdate, t.request); err != nil {
		return err
	}
	for {
		t.take(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			break
		}
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	in.Waiting = t.waiting
	return workflow.NewContinueAsNewError(ctx, Stream, in)
}

// turns is the state of one execution of Stream.
type turns struct {
	in       Input
	waiting  []Request // for their turn
	current  Request   // that is served; empty if any process may own the stream
	failures int       // turns in a row that failed
}

// request is the handler of acquireUpdate. It returns when the request is noted.
func (t *turns) request(_ workflow.Context, r Request) error {
	isIt := func(other Request) bool { return other.ID == r.ID }
	if !isIt(t.current) && !slices.ContainsFunc(t.waiting, isIt) {
		t.waiting = append(t.waiting, r)
	}
	return nil
}

// backoff is the wait after a turn that failed.
var backoff = failure.Backoff{Least: 200 * time.Millisecond, Most: 10 * time.Second}

// take lets the next process own the stream, until it has finished or another one asks. An owner that is cancelled ends in its own time: it seals
// what it has.
func (t *turns) take(ctx workflow.Context) {
	t.current = Request{}
	if len(t.waiting) > 0 {
		t.current, t.waiting = t.waiting[0], t.waiting[1:]
	}
	turnCtx, release := workflow.WithCancel(ownContext(ctx, t.current))
	owned := workflow.ExecuteActivity(turnCtx, ownActivity, OwnInput{Stream: t.in.Stream, Project: t.in.Project})
	asked := func() bool { return len(t.waiting) > 0 }
	if t.current.ID != "" {
		_, _ = workflow.AwaitWithTimeout(ctx, shortestTurn, owned.IsReady) // as below
	}
	_ = workflow.Await(ctx, func() bool { return owned.IsReady() || asked() }) // its error means that the workflow is cancelled, and the owner too
	release()
	detached, _ := workflow.NewDisconnectedContext(ctx)
	err := owned.Get(detached, nil)
	if err == nil || temporal.WasTerminated(err) || temporal.TimedOut(err) {
		t.failures = 0
		return
	}
	t.failures++
	_, _ = workflow.AwaitWithTimeout(ctx, backoff.After(t.failures), asked) // as above
}

// ownContext sets the options of a turn. Every turn is one attempt, because the next may be another process's.
func ownContext(ctx workflow.Context, r Request) workflow.Context {
	retries := temporal.RetryPolicy()
	retries.MaximumAttempts = 1
	o := workflow.ActivityOptions{
		TaskQueue: TaskQueue, StartToCloseTimeout: longestTurn, HeartbeatTimeout: heartbeatTimeout, RetryPolicy: retries, WaitForCancellation: true,
	}
	if r.Process != "" {
		o.TaskQueue, o.ScheduleToStartTimeout = processQueue(r.Process), startTimeout
	}
	return workflow.WithActivityOptions(ctx, o)
}
