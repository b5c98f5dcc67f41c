// Which processes execute the tasks of a slot, for people.

package flow

import (
	"context"

	"go.temporal.io/sdk/client"

	"bursar/internal/job/record"
	"bursar/internal/temporal"
)

// Executing returns the number of chunks of a slot that each process executes at the moment, by the identity of its client.
func Executing(ctx context.Context, c client.Client, ref record.Ref) (map[string]int, error) {
	steps, err := temporal.Executing(ctx, c, SlotWorkflowID(ref))
	chunks := map[string]int{}
	for _, s := range steps {
		if s.Step == executeActivity { // which executes one of its chunks at a time
			chunks[s.Process]++
		}
	}
	return chunks, err
}
