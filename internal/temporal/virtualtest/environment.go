// Package virtualtest runs workflows with their activities in an environment where time passes only by waiting for it. It must not know the
// workflows.
package virtualtest

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"bursar/internal/temporal"
)

// NewEnvironment returns an environment without workflows and activities.
func NewEnvironment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	o := temporal.WorkerOptions() // a busy machine is not a deadlock
	o.Interceptors = []interceptor.WorkerInterceptor{&Silence{}}
	env.SetWorkerOptions(o)
	return env
}

// Silence suppresses the heartbeats of activities. In virtual time there is no server for them.
type Silence struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity is called for each activity.
func (*Silence) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &silentInbound{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type silentInbound struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *silentInbound) Init(out interceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&silentOutbound{interceptor.ActivityOutboundInterceptorBase{Next: out}})
}

type silentOutbound struct {
	interceptor.ActivityOutboundInterceptorBase
}

// GetInfo returns no token, so that no heartbeat is sent.
func (o *silentOutbound) GetInfo(ctx context.Context) activity.Info {
	info := o.Next.GetInfo(ctx)
	info.TaskToken = nil
	return info
}
