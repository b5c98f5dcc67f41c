// Outages of a cluster: the log says that it does not answer, at most once a minute, and that it answers again. Every request is observed, so that
// those who wait for the cluster need not log it.

package temporal

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bursar/internal/failure"
)

// outages observes the requests to a cluster.
type outages struct {
	log      *slog.Logger
	address  string      // for people
	on       atomic.Bool // it was reached once, and is used
	warnings failure.Warnings

	mu   sync.Mutex
	away bool // the log says so
}

// observe is an interceptor. It sees each attempt of a request.
func (o *outages) observe(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := call(ctx, method, request, reply, c, opts...)
	switch {
	case !o.on.Load():
	case err == nil:
		o.end()
	case isOutage(request, err):
		o.warn(err)
	}
	return err
}

// isOutage reports whether an error of a request means that the server is away, or gives no work. Other requests than polls may be refused, and
// may have less time than an answer takes.
func isOutage(request any, err error) bool {
	code := status.Code(err)
	switch request.(type) {
	case *workflowservice.PollActivityTaskQueueRequest, *workflowservice.PollWorkflowTaskQueueRequest:
		return code != codes.Canceled
	}
	return code == codes.Unavailable
}

func (o *outages) warn(err error) {
	if !o.warnings.Pass("") {
		return
	}
	o.mu.Lock()
	o.away = true
	o.mu.Unlock()
	o.log.Warn("temporal does not answer; waiting for it", "address", o.address, "error", status.Convert(err).Message())
}

func (o *outages) end() {
	o.mu.Lock()
	was := o.away
	o.away = false
	o.mu.Unlock()
	if was {
		o.log.Info("temporal answers again", "address", o.address)
	}
}
