// What the workflows of a pipeline execute at the moment, for people.

package flow

import (
	"context"

	"bursar/internal/temporal"

	"go.temporal.io/sdk/client"
)

// WorkflowIDs returns the ids of all workflows of a pipeline.
func WorkflowIDs(pipeline string) []string {
	return []string{WorkflowID(pipeline), rebuildID(pipeline)}
}

// Executing lists the steps of a pipeline's runs and rebuild that are executed at the moment, such as "merge" or "index partition".
func Executing(ctx context.Context, c client.Client, pipeline string) (list []temporal.Executed, err error) {
	for _, id := range WorkflowIDs(pipeline) {
		steps, err := temporal.Executing(ctx, c, id)
		if err != nil {
			return nil, err
		}
		list = append(list, steps...)
	}
	return list, nil
}
