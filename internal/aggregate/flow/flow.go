// Package flow has the workflows of aggregation: one of the project that starts refreshes when they are due, one for each account that is refreshed,
// and one for each institution, which shares its limits among processes. They wait, and hand work out; where each account is, and what was fetched
// of it, is in the catalog, so that a lost workflow can be replaced by a new one. Only this package of aggregation knows Temporal. Histories hold references
// and counts (rule 7). Workflow code is replayed, so it must not ask the clock, and the names of workflows, signals and activities must not change.
package flow

import (
	"context"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/role"
)

const (
	// TaskQueue is the task queue of the workflows, and of the activities that decide, process and conclude.
	TaskQueue = string(role.Aggregate)
	// FetchQueue is that of the activities that visit institutions. A process that waits for institutions still processes.
	FetchQueue = TaskQueue + "-fetch"
	// ScheduleWorkflowID is the id of the workflow Schedule; a project has one.
	ScheduleWorkflowID = "account/schedule"

	// WakeSignal notifies the workflow Schedule that something has changed: an account was added, or has new credentials.
	WakeSignal = "changed"
	// FollowSignal is WakeSignal, and makes a workflow that several processes share stay.
	FollowSignal = "follow"
	lookUpdate   = "look"
	// personSignal notifies the workflow of an account that a person has answered a question, or set new credentials.
	personSignal = "person"
	leaseUpdate  = "lease"

	decideActivity   = "decide-refreshes"
	fetchActivity    = "fetch"
	processActivity  = "process"
	concludeActivity = "conclude"

	// heartbeatTimeout is how long an activity may be silent before the server starts another attempt.
	heartbeatTimeout = 8 * time.Second
	// longestAttempt bounds one attempt of a step on what was fetched.
	longestAttempt = time.Hour
	// longestVisit bounds one visit to an institution.
	longestVisit = 30 * time.Minute
	// giveUp is how long a refresh tries to visit an institution that is busy, throttles or does not work.
	giveUp = 6 * time.Hour
)

// Decision is which refreshes are begun.
type Decision struct {
	Start []account.Refresh // those that run already stay as they are
	Again time.Time         // when to decide again; zero: when something changes
}

// Fetched is how a visit to an institution has ended.
type Fetched struct {
	Ended      bool          `json:"ended,omitempty"`      // the refresh has ended before: nothing is to be done
	Statements int           `json:"statements,omitempty"` // statement files, which are processed one by one
	Waits      bool          `json:"waits,omitempty"`      // for a person, at most for the time Wait
	Wait       time.Duration `json:"wait,omitempty"`
}

// Ending is how a refresh ends.
type Ending struct {
	Unanswered bool  // nobody has answered the institution's question, or set new credentials
	Err        error // why it cannot go on; nil: what was fetched says how it ended
}

// Steps are the plain functions of refreshes. Each is idempotent (rule 5). The class of an error decides whether it is called again.
type Steps interface {
	// Decide begins the refreshes that are due. Those that it returns are begun also if there is an error.
	Decide(ctx context.Context) (Decision, error)
	// Fetch visits the institution of an account, and keeps what it has.
	Fetch(ctx context.Context, r account.Refresh) (Fetched, error)
	// Process stores a statement file of a refresh, by its number from 0.
	Process(ctx context.Context, r account.Refresh, statement int) error
	// Conclude judges what a refresh has fetched, and ends it.
	Conclude(ctx context.Context, r account.Refresh, how Ending) error
}

// AccountWorkflowID returns the id of the workflow that refreshes an account.
func AccountWorkflowID(ref account.Ref) string { return "account/" + ref.String() }

// InstitutionWorkflowID returns the id of the workflow that shares the limits of an institution.
func InstitutionWorkflowID(name string) string { return "institution/" + name }
