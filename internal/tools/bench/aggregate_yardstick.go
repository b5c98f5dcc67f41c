// The yardstick of the benchmark aggregate: workflows of the same shape, whose activities do nothing.

package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"bursar/internal/temporal"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
)

// bareStarts is how many workflows are started at a time.
const bareStarts = 16

// bareRefresh downloads, processes each statement in parallel, and concludes, as a refresh does.
func bareRefresh(ctx workflow.Context, statements int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Hour, HeartbeatTimeout: time.Minute, RetryPolicy: temporal.RetryPolicy()})
	step := func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(ctx, yardstickQueue, 0).Get(ctx, nil)
	}
	if err := step(ctx); err != nil {
		return err
	}
	var futures []workflow.Future
	for n := range statements {
		futures = append(futures, workflow.ExecuteActivity(ctx, yardstickQueue, n))
	}
	for _, f := range futures {
		if err := f.Get(ctx, nil); err != nil {
			return err
		}
	}
	return step(ctx)
}

// yardstick measures as many bare workflows as there are accounts, on the same server.
func (g *aggregating) yardstick(ctx context.Context, f *AggregateFigures) error {
	o := temporal.WorkerOptions()
	cores := max(runtime.GOMAXPROCS(0), 2)
	o.MaxConcurrentWorkflowTaskPollers, o.MaxConcurrentActivityTaskPollers, o.MaxConcurrentActivityExecutionSize = 4, 4, 2*yardstickExecuted*cores
	w := worker.New(g.client, yardstickQueue, o)
	w.RegisterWorkflow(bareRefresh)
	w.RegisterActivityWithOptions(func(context.Context, int) error { return nil }, activity.RegisterOptions{Name: yardstickQueue})
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	cpu := cpuSeconds()
	var err error
	if f.YardstickSeconds, _, err = measure(func() error { return g.refreshBare(ctx) }); err != nil {
		return err
	}
	f.YardstickCPU = cpuSeconds() - cpu
	events, _, err := history(ctx, g.client, bareID(0))
	f.YardstickEvents = float64(events)
	return err
}

func bareID(n int) string { return fmt.Sprintf("bare/%d", n) }

// refreshBare starts all workflows, and waits for all of them.
func (g *aggregating) refreshBare(ctx context.Context) error {
	runs := make([]client.WorkflowRun, g.spec.Accounts)
	starting, within := errgroup.WithContext(ctx)
	starting.SetLimit(bareStarts)
	for n := range runs {
		starting.Go(func() (err error) {
			runs[n], err = g.client.ExecuteWorkflow(within, client.StartWorkflowOptions{ID: bareID(n), TaskQueue: yardstickQueue}, bareRefresh, g.spec.Statements)
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	for _, run := range runs {
		if err := run.Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}
