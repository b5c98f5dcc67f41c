// Starts the workflow of a pipeline to execute its backlog, and waits for it or keeps it running.

package flow

import (
	"context"
	"log/slog"

	"bursar/internal/temporal/backlog"

	"go.temporal.io/sdk/client"
)

// Runner executes the backlogs of pipelines through their workflows. A process has one, on the client that its workers
// use; it is safe for concurrent use.
type Runner struct {
	// Project is the id of the project in the inputs of workflows, set before the first call. It is empty if the server is in this
	// process: then the server is not away while the runner is used.
	Project string

	workflows *backlog.Runner[Input, Result]
}

// kind is the kind of the workflows of pipelines.
var kind = backlog.Kind{Queue: TaskQueue, Function: Reconcile, Names: names}

// NewRunner returns a runner of a process that has exclusive use of the project: an open workflow that it did not start belongs to a
// process that died, and is replaced.
func NewRunner(c client.Client, log *slog.Logger) *Runner {
	return &Runner{workflows: backlog.NewRunner[Input, Result](kind, c, false, log)}
}

// NewSharedRunner returns a runner of a process that shares the project with others: it joins an open workflow, and never ends one.
func NewSharedRunner(c client.Client, log *slog.Logger) *Runner {
	return &Runner{workflows: backlog.NewRunner[Input, Result](kind, c, true, log)}
}

// IsShared reports whether other processes execute the workflows, too.
func (r *Runner) IsShared() bool { return r.workflows.IsShared() }

// Run executes the backlog of a pipeline and returns the number of runs, as backlog.Runner.Run does. Every batch sealed before the call
// is included.
func (r *Runner) Run(ctx context.Context, pipeline string) (Result, error) {
	return r.workflows.Run(ctx, r.workflow(WorkflowID(pipeline), Input{Pipeline: pipeline}))
}

// Rebuild executes the runs of the generation that a rebuild of the pipeline is making. If processes share the project, all rebuilds of
// the pipeline have one workflow.
func (r *Runner) Rebuild(ctx context.Context, pipeline string) error {
	_, err := r.workflows.Run(ctx, r.workflow(rebuildID(pipeline), Input{Pipeline: pipeline, Rebuild: true}))
	return err
}

// Follow makes the pipeline's workflow stay and execute every batch as it is sealed, until the process ends or Unfollow, as
// backlog.Runner.Follow does.
func (r *Runner) Follow(ctx context.Context, pipeline string) error {
	return r.workflows.Follow(ctx, r.workflow(WorkflowID(pipeline), Input{Pipeline: pipeline}))
}

// Unfollow ends the workflow of a followed pipeline and awaits the steps under way. A workflow that is shared is only no longer
// restarted by this process.
func (r *Runner) Unfollow(ctx context.Context, pipeline string) error {
	return r.workflows.Unfollow(ctx, WorkflowID(pipeline))
}

// Wake notifies the workflow of a pipeline that a batch was sealed. If the workflow has ended it is started. With exclusive use only
// pipelines that are followed are notified.
func (r *Runner) Wake(ctx context.Context, pipeline string) error {
	return r.workflows.Wake(ctx, r.workflow(WorkflowID(pipeline), Input{Pipeline: pipeline}))
}

func (r *Runner) workflow(id string, in Input) backlog.Workflow[Input] {
	in.BySuggestion, in.Join, in.Project = true, r.IsShared(), r.Project
	return backlog.Workflow[Input]{ID: id, Project: r.Project, Input: func(follow bool) Input {
		in.Follow = follow
		return in
	}}
}
