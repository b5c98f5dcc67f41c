// Guards against two projects in one namespace, whose workflows have the same ids: each workflow has the id of its project as a memo.

package temporal

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"bursar/internal/failure"
)

// ErrOtherProject is returned, wrapped, for a workflow of another project. Class Data.
var ErrOtherProject = failure.Wrap(failure.Data, errors.New("the workflow belongs to another project, which uses the same Temporal namespace: "+
	"give each project its own namespace, temporal.namespace in bursar.yaml; no step was executed"))

const projectMemo = "project"

// Memo returns the memo of the workflows of a project; nil without an id.
func Memo(project string) map[string]any {
	if project == "" {
		return nil
	}
	return map[string]any{projectMemo: project}
}

// CheckProject returns ErrOtherProject if an open workflow belongs to another project than the one that is about to join or replace it.
func CheckProject(ctx context.Context, c client.Client, workflow, project string) error {
	if project == "" {
		return nil
	}
	found, err := c.DescribeWorkflowExecution(ctx, workflow, "")
	if none := (*serviceerror.NotFound)(nil); errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read workflow %s: %w", workflow, FromTemporal(err))
	}
	if found.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return nil
	}
	var owner string
	payload := found.GetWorkflowExecutionInfo().GetMemo().GetFields()[projectMemo]
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &owner); payload != nil && err != nil {
		return fmt.Errorf("read the memo of workflow %s: %w", workflow, err)
	}
	if owner != project {
		return fmt.Errorf("join workflow %s: %w", workflow, ErrOtherProject)
	}
	return nil
}
