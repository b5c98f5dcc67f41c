// Waiting for a cluster that cannot be reached for a while: the client library gives up after a minute, callers of workflows do not.

package temporal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"

	"bursar/internal/failure"
)

// outageInterceptor repeats calls that start a workflow or wait for its result until the server answers or the caller's context is
// done. A repeated start is harmless: workflows are named by their ids, and the catalog knows what is done.
type outageInterceptor struct {
	interceptor.ClientInterceptorBase
	logger *slog.Logger
}

func (i *outageInterceptor) InterceptClient(next interceptor.ClientOutboundInterceptor) interceptor.ClientOutboundInterceptor {
	return &outageOutbound{interceptor.ClientOutboundInterceptorBase{Next: next}, i.logger}
}

type outageOutbound struct {
	interceptor.ClientOutboundInterceptorBase
	logger *slog.Logger
}

// outageWait is the wait between two attempts.
var outageWait = failure.Backoff{Least: 200 * time.Millisecond, Most: 5 * time.Second}

// isOutage reports whether an error means that the server could not be reached or did not answer in time.
func isOutage(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded)
}

// outlast calls fn until its error is not an outage.
func outlast(ctx context.Context, logger *slog.Logger, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || ctx.Err() != nil || !isOutage(err) {
			return err
		}
		logger.Warn("temporal does not answer; waiting for it", "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(outageWait.After(attempt)):
		}
	}
}

func (o *outageOutbound) ExecuteWorkflow(ctx context.Context, in *interceptor.ClientExecuteWorkflowInput) (run client.WorkflowRun, err error) {
	err = outlast(ctx, o.logger, func() error {
		run, err = o.Next.ExecuteWorkflow(ctx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &awaitedRun{run, o.logger}, nil
}

// awaitedRun is a started workflow whose result is awaited through outages.
type awaitedRun struct {
	client.WorkflowRun
	logger *slog.Logger
}

// Get waits for the result. A failed workflow is not an outage: its error is not one of the service.
func (r *awaitedRun) Get(ctx context.Context, result any) error {
	return r.GetWithOptions(ctx, result, client.WorkflowRunGetOptions{})
}

// GetWithOptions is Get.
func (r *awaitedRun) GetWithOptions(ctx context.Context, result any, options client.WorkflowRunGetOptions) error {
	return outlast(ctx, r.logger, func() error { return r.WorkflowRun.GetWithOptions(ctx, result, options) })
}
