// The workflow of an institution: it shares the institution's limits among the processes that visit it, and has its circuit breaker.

package flow

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"bursar/internal/aggregate/limit"
	"bursar/internal/temporal"
)

// idleTime is how long an institution that nobody visits keeps its workflow.
const idleTime = 10 * time.Minute

// InstitutionInput starts the workflow Institution.
type InstitutionInput struct {
	Institution string       `json:"institution"`
	Project     string       `json:"project,omitempty"`
	Shares      limit.Shares `json:"shares"` // of earlier executions of the same chain
}

// Institution gives processes their parts of an institution's limits, until nobody has visited it for a while.
func Institution(ctx workflow.Context, in InstitutionInput) error {
	asked := 0
	err := workflow.SetUpdateHandler(ctx, leaseUpdate, func(ctx workflow.Context, a limit.Ask) (limit.Part, error) {
		asked++
		return in.Shares.Lease(workflow.Now(ctx), a), nil
	})
	if err != nil {
		return err
	}
	for {
		before := asked
		isLong := func() bool { return workflow.GetInfo(ctx).GetContinueAsNewSuggested() }
		if _, err := workflow.AwaitWithTimeout(ctx, idleTime, isLong); err != nil {
			return err
		}
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return err
		}
		switch {
		case isLong():
			return workflow.NewContinueAsNewError(ctx, Institution, in)
		case asked == before && in.Shares.IsIdle(workflow.Now(ctx)):
			return nil
		}
	}
}

// Lease asks the workflow of an institution for a part, and starts it if it does not run.
func (s Starter) Lease(ctx context.Context, institution string, a limit.Ask) (part limit.Part, err error) {
	start := s.Client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: InstitutionWorkflowID(institution), TaskQueue: TaskQueue, Memo: temporal.Memo(s.Project),
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, Institution, InstitutionInput{Institution: institution, Project: s.Project})
	handle, err := s.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: leaseUpdate, Args: []any{a}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err == nil {
		err = handle.Get(ctx, &part)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return part, ctx.Err()
	}
	return part, temporal.FromTemporal(err)
}
