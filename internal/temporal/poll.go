// Polls of workers that end soon: a server hands no work to a process that has not polled for some seconds.

package temporal

import (
	"context"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

// pollTimeout bounds one poll for work. A server cannot see that a process is suspended or cut off, and hands work to each of its open polls: the
// work waits there until its heartbeats are missed. The SDK polls for a minute. The server answers an empty poll one second before its end,
// and logs a warning about polls that are shorter than ten seconds.
const pollTimeout = 11 * time.Second

// endPolls is an interceptor that bounds polls.
func endPolls(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	switch request.(type) {
	case *workflowservice.PollActivityTaskQueueRequest, *workflowservice.PollWorkflowTaskQueueRequest:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pollTimeout)
		defer cancel()
	}
	return call(ctx, method, request, reply, c, opts...)
}
