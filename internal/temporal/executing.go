// What a workflow executes at the moment, for people.

package temporal

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// Executed is an activity that a process executes.
type Executed struct {
	Process string // the identity of its client
	Step    string // the name of the activity
}

// Executing lists the activities of a workflow that are executed at the moment.
func Executing(ctx context.Context, c client.Client, id string) (list []Executed, err error) {
	found, err := c.DescribeWorkflowExecution(ctx, id, "")
	if none := (*serviceerror.NotFound)(nil); errors.As(err, &none) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read workflow %s: %w", id, FromTemporal(err))
	}
	for _, p := range found.GetPendingActivities() {
		if p.GetState() != enumspb.PENDING_ACTIVITY_STATE_SCHEDULED {
			list = append(list, Executed{p.GetLastWorkerIdentity(), p.GetActivityType().GetName()})
		}
	}
	return list, nil
}
