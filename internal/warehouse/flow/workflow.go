// Package flow is the workflow that publishes into the warehouse, one for each project. It asks which tables lack something and has them
// published, group by group. It decides nothing else: the record in the warehouse says what is there, so a lost workflow can be replaced
// by a new one, and nothing of it delays a run. Only this package of the warehouse knows Temporal. Histories hold references and counts,
// never event data (rule 7). Workflow code is replayed, so it must not ask the clock, and the names of workflows and activities must not
// change.
package flow

import (
	"context"
	"time"

	"bursar/internal/failure"
	"bursar/internal/role"
	"bursar/internal/temporal"
	"bursar/internal/temporal/backlog"
	"bursar/internal/warehouse/publish"

	"go.temporal.io/sdk/workflow"
)

const (
	// TaskQueue is the task queue of the workflow and of its activities.
	TaskQueue = string(role.Warehouse)
	// WorkflowID is the id of the workflow; a project has one.
	WorkflowID = "warehouse/publish"

	// WakeSignal notifies the workflow that something was sealed, published or retracted.
	WakeSignal = "changed"
	// FollowSignal is WakeSignal, and makes a workflow that several processes share stay when all tables are up to date.
	FollowSignal = "follow"
	// publishUpdate requests that tables are brought up to date, and returns when that is done.
	publishUpdate = "publish"

	behindActivity  = "behind"
	publishActivity = "publish"

	// heartbeatTimeout is how long an activity may be silent before the server starts another attempt.
	heartbeatTimeout = 8 * time.Second
	// longestAttempt bounds one attempt. Heartbeats detect dead workers much sooner; this is for databases that hang.
	longestAttempt = 24 * time.Hour
	// passInterval is the least time between two looks at what is behind, however often something is sealed: a transaction of the
	// warehouse costs much more than a few rows in it.
	passInterval = time.Second
)

var names = backlog.Names{Wake: WakeSignal, Follow: FollowSignal, Drain: publishUpdate}

// failedAgain is the wait before a table is published again that failed for its data, unless it is requested: a person may have corrected it.
var failedAgain = failure.Backoff{Least: 30 * time.Second, Most: 10 * time.Minute}

// Tables are the plain functions of publishing. Each is idempotent (rule 5). The class of an error decides whether it is called again.
type Tables interface {
	// Behind lists the tables that lack something, in the order in which they are published. Those that cannot be published at the moment, such
	// as that of a pipeline which has to be rebuilt, are only in it with refused. It is cheap.
	Behind(ctx context.Context, refused bool) ([]string, error)
	// Publish adds one group of batches or runs to a table. It may be called while an earlier attempt still hangs.
	Publish(ctx context.Context, table string) (publish.Result, error)
	// Again makes a table from the beginning, whatever is in it.
	Again(ctx context.Context, table string) (publish.Result, error)
}

// Request requests that tables are brought up to date.
type Request struct {
	// Tables are those to publish, whether or not they lack something; empty: those that do.
	Tables []string `json:"tables,omitempty"`
	// Again makes these tables from the beginning.
	Again bool `json:"again,omitempty"`
}

// Input starts the workflow Publish.
type Input struct {
	Request // empty in an execution that follows or answers requests
	// Project is the id of the project that starts the workflow. Empty if no other project reaches the server.
	Project string `json:"project,omitempty"`
	// Follow makes the workflow stay when all tables are up to date, and wait for WakeSignal.
	Follow bool `json:"follow,omitempty"`
	// Join makes an execution answer requests also if it does not follow, and accept FollowSignal: several processes share it.
	Join bool `json:"join,omitempty"`

	// The rest is from earlier executions of the same chain.
	Failures int               `json:"failures,omitempty"` // consecutive, of passes
	Failed   map[string]Failed `json:"failed,omitempty"`   // by table whose last attempt failed
	Before   *Result           `json:"before,omitempty"`   // what they have done, if this execution is not asked by requests
}

// Failed is a table whose last attempt failed.
type Failed struct {
	Failures int       `json:"failures"` // in a row
	Retry    time.Time `json:"retry"`    // not before, unless it is requested
}

// BehindInput asks for the tables that lack something.
type BehindInput struct {
	Refused bool   `json:"refused,omitempty"` // also those that cannot be published at the moment: whoever asks gets the reason
	Project string `json:"project,omitempty"` // as in Input; also below
}

// BehindResult is its answer.
type BehindResult struct {
	Tables []string `json:"tables"`
}

// PublishInput requests one group of a table.
type PublishInput struct {
	Table   string `json:"table"`
	Again   bool   `json:"again,omitempty"` // make the table from the beginning
	Project string `json:"project,omitempty"`
}

// Publish brings the tables of the warehouse up to date, and does so whenever something has changed if Follow is set. Its workflow id is
// WorkflowID. A table that fails for its data does not stop the others: its error is in the result.
func Publish(ctx workflow.Context, in Input) (Result, error) {
	p := &publication{in: in, failed: in.Failed}
	if p.failed == nil {
		p.failed = map[string]Failed{}
	}
	p.passes = backlog.Passes{Follow: in.Follow, Join: in.Join, Failures: in.Failures, Interval: passInterval, RetryAll: true}
	if err := p.passes.Handle(ctx, names, p.handleRequest); err != nil {
		return Result{}, err
	}
	again, err := p.passes.Work(ctx, func() bool { return isLong(ctx) }, p.pass)
	if err != nil {
		return Result{}, err
	}
	done := resultOf(p.log)
	if in.Before != nil {
		done = in.Before.Plus(done)
	}
	if !again {
		return done, nil
	}
	in.Follow, in.Failures, in.Failed = p.passes.Follow, p.passes.Failures, p.failed
	if !in.Follow && !in.Join {
		in.Before = &done
	}
	return Result{}, workflow.NewContinueAsNewError(ctx, Publish, in)
}

func isLong(ctx workflow.Context) bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }

// activityContext sets the options that all activities have. Each attempt at a database that is away takes a while, so that its retries take
// about a minute in all: that long a command waits for the warehouse.
func activityContext(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: longestAttempt,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         temporal.RetryPolicy(),
		WaitForCancellation: true, // a cancelled workflow ends after its transaction, so that none runs on unnoticed
	})
}
