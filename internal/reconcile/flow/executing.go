// What the workflows of a pipeline execute at the moment, for people.

package flow

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"bursar/internal/temporal"
)

// Executed is a step, or a partition of one, that a process executes.
type Executed struct {
	Process string // the identity of its client
	Step    string // such as "merge" or "index partition"
}

// WorkflowIDs returns the ids of all workflows of a pipeline.
func WorkflowIDs(pipeline string) []string {
	return []string{WorkflowID(pipeline), rebuildID(pipeline)}
}

// Executing lists the steps of a pipeline's runs and rebuild that are executed at the moment.
func Executing(ctx context.Context, c client.Client, pipeline string) (list []Executed, err error) {
	for _, id := range WorkflowIDs(pipeline) {
		found, err := c.DescribeWorkflowExecution(ctx, id, "")
		if none := (*serviceerror.NotFound)(nil); errors.As(err, &none) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read workflow %s: %w", id, temporal.FromTemporal(err))
		}
		for _, p := range found.GetPendingActivities() {
			if p.GetState() != enumspb.PENDING_ACTIVITY_STATE_SCHEDULED {
				list = append(list, Executed{p.GetLastWorkerIdentity(), p.GetActivityType().GetName()})
			}
		}
	}
	return list, nil
}
