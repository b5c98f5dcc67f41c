// Starts the workflows of streams, and asks them for their streams.

package flow

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"bursar/internal/failure"
	"bursar/internal/temporal"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

// Requester asks for streams on behalf of one process. It is safe for concurrent use.
type Requester struct {
	client  client.Client
	project string // id
	process string
	log     *slog.Logger

	warnings failure.Warnings // about a server that is away, by stream
}

// NewRequester returns the requester of a process of a project.
func NewRequester(c client.Client, project, process string, log *slog.Logger) *Requester {
	return &Requester{client: c, project: project, process: process, log: log}
}

// Acquire asks for a stream. The workers of this process own it when those that asked before have finished, unless that takes them over ten seconds
// to start: repeat the request then with the same id, which counts once. It returns when the request is noted, and starts the workflow if there is none.
func (r *Requester) Acquire(ctx context.Context, stream, id string) error {
	if err := temporal.CheckProject(ctx, r.client, WorkflowID(stream), r.project); err != nil {
		return fmt.Errorf("ask for stream %s: %w", stream, err)
	}
	handle, err := r.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: r.client.NewWithStartWorkflowOperation(r.startOptions(stream), Stream, r.input(stream)),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: WorkflowID(stream), UpdateName: acquireUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
			Args: []any{Request{ID: id, Process: r.process}},
		},
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if err != nil {
		return fmt.Errorf("ask for stream %s: %w", stream, temporal.FromTemporal(err))
	}
	return nil
}

func (r *Requester) input(stream string) Input { return Input{Stream: stream, Project: r.project} }

// startOptions join the workflow of a stream if it is open.
func (r *Requester) startOptions(stream string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: WorkflowID(stream), TaskQueue: TaskQueue, WorkflowTaskTimeout: taskTimeout, Memo: temporal.Memo(r.project),
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
}

// restartWait is how long a workflow that has ended, or cannot be started, stays so.
const restartWait = time.Second

// Keep keeps the workflow of a stream open until ctx ends, so that the stream has an owner.
func (r *Requester) Keep(ctx context.Context, stream string) {
	for ctx.Err() == nil {
		err := r.await(ctx, stream)
		if ctx.Err() != nil {
			return
		}
		if !temporal.IsOutage(err) || r.warnings.Pass(stream) {
			r.log.Warn("the workflow of a stream has ended or cannot be started; starting it again", "stream", stream, "error", temporal.FromTemporal(err))
		}
		pause, cancel := context.WithTimeout(ctx, restartWait)
		<-pause.Done()
		cancel()
	}
}

// await joins or starts the workflow of a stream, and waits until it has ended.
func (r *Requester) await(ctx context.Context, stream string) error {
	if err := temporal.CheckProject(ctx, r.client, WorkflowID(stream), r.project); err != nil {
		return err
	}
	run, err := r.client.ExecuteWorkflow(ctx, r.startOptions(stream), Stream, r.input(stream))
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}
