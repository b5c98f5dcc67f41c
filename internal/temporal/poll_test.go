// Tests of how long polls take.

package temporal

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

func TestPollsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request any
		longest time.Duration
	}{
		{&workflowservice.PollActivityTaskQueueRequest{}, pollTimeout},
		{&workflowservice.PollWorkflowTaskQueueRequest{}, pollTimeout},
		{&workflowservice.StartWorkflowExecutionRequest{}, time.Hour},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := endPolls(ctx, "", c.request, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
			deadline, _ := ctx.Deadline()
			if left := time.Until(deadline); left > c.longest || left < c.longest-time.Minute {
				t.Errorf("%T has %s left, want %s", c.request, left, c.longest)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
