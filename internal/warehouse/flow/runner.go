// Starts the workflow to bring tables up to date, and waits for it or keeps it running.

package flow

import (
	"context"
	"log/slog"

	"bursar/internal/temporal/backlog"

	"go.temporal.io/sdk/client"
)

// Runner publishes through the workflow of a project. A process has one, on the client that its worker uses; it is safe for concurrent
// use.
type Runner struct {
	project   string
	workflows *backlog.Runner[Input, Result]
}

// NewRunner returns the runner of a project, whose id is as in Input. A process that has exclusive use of the project replaces a workflow
// that was left by a process which died; one that shares it joins an open one.
func NewRunner(c client.Client, project string, shared bool, log *slog.Logger) *Runner {
	kind := backlog.Kind{Queue: TaskQueue, Function: Publish, Names: names}
	return &Runner{project, backlog.NewRunner[Input, Result](kind, c, shared, log)}
}

// Publish brings tables up to date with everything that was sealed and published before the call. The errors of tables that failed for their
// data are in the result.
func (r *Runner) Publish(ctx context.Context, request Request) (Result, error) {
	return r.workflows.Run(ctx, r.workflow(request))
}

// Follow makes the workflow stay and bring all tables up to date whenever it is woken, until the process ends or Unfollow.
func (r *Runner) Follow(ctx context.Context) error {
	return r.workflows.Follow(ctx, r.workflow(Request{}))
}

// Unfollow ends the workflow and awaits its transaction. A workflow that is shared is only no longer restarted by this process.
func (r *Runner) Unfollow(ctx context.Context) error { return r.workflows.Unfollow(ctx, WorkflowID) }

// Wake notifies the workflow that something was sealed, published or retracted.
func (r *Runner) Wake(ctx context.Context) error { return r.workflows.Wake(ctx, r.workflow(Request{})) }

func (r *Runner) workflow(request Request) backlog.Workflow[Input] {
	return backlog.Workflow[Input]{
		ID: WorkflowID, Project: r.project, Request: []any{request},
		Input: func(follow bool) Input {
			in := Input{Project: r.project, Follow: follow, Join: r.workflows.IsShared()}
			if !follow && !in.Join { // else it is sent as a request
				in.Request = request
			}
			return in
		},
	}
}
