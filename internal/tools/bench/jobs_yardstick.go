// The other side of the benchmark jobs: a workflow that schedules an activity per chunk, which only writes a small document to the catalog.

package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/temporal"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const (
	yardstickQueue  = "yardstick"
	yardstickPrefix = "yardstick/"
	// yardstickPlaces and yardstickExecuted are the defaults of jobs: activities that are pending, and those that a process executes per core.
	yardstickPlaces   = 16
	yardstickExecuted = 16
)

// yardstickInput is the input of the yardstick's workflow.
type yardstickInput struct {
	Chunks int `json:"chunks"`
}

// yardstickWorkflow executes one activity per chunk, a bounded number at a time.
func yardstickWorkflow(ctx workflow.Context, in yardstickInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Hour, RetryPolicy: temporal.RetryPolicy()})
	next, running := 0, yardstickPlaces
	var failed error
	for range yardstickPlaces {
		workflow.Go(ctx, func(ctx workflow.Context) {
			for next < in.Chunks && failed == nil {
				number := next
				next++
				if err := workflow.ExecuteActivity(ctx, yardstickQueue, number).Get(ctx, nil); err != nil {
					failed = err
				}
			}
			running--
		})
	}
	if err := workflow.Await(ctx, func() bool { return running == 0 }); err != nil {
		return err
	}
	return failed
}

func measureJobsYardstick(ctx context.Context, spec childSpec) (r jobsResult, err error) {
	err = withJobsBackends(ctx, spec.Dir, func(b jobsBackends) error {
		o := temporal.WorkerOptions()
		o.MaxConcurrentWorkflowTaskPollers = 2
		o.MaxConcurrentActivityTaskPollers = 4
		o.MaxConcurrentActivityExecutionSize = yardstickExecuted * max(runtime.GOMAXPROCS(0), 2)
		w := worker.New(b.client, yardstickQueue, o)
		w.RegisterWorkflow(yardstickWorkflow)
		w.RegisterActivityWithOptions(func(ctx context.Context, number int) error {
			return b.catalog.Update(ctx, func(tx catalog.Tx) error {
				return tx.Put(fmt.Sprintf("%s%06d", yardstickPrefix, number), map[string]int{"chunk": number})
			})
		}, activity.RegisterOptions{Name: yardstickQueue})
		if err := w.Start(); err != nil {
			return err
		}
		defer w.Stop()
		return r.measureYardstick(ctx, b, spec.Chunks)
	})
	return r, err
}

func (r *jobsResult) measureYardstick(ctx context.Context, b jobsBackends, chunks int) (err error) {
	r.Chunks = chunks
	err = r.measure(func() error {
		run, err := b.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: yardstickQueue, TaskQueue: yardstickQueue}, yardstickWorkflow, yardstickInput{chunks})
		if err != nil {
			return err
		}
		return run.Get(ctx, nil)
	})
	if err != nil {
		return err
	}
	if r.Peak, err = peakMemory(); err != nil {
		return err
	}
	if r.Events, r.Bytes, err = b.history(ctx, yardstickQueue); err != nil {
		return err
	}
	written, err := catalog.Read(ctx, b.catalog, func(tx catalog.Tx) ([]map[string]int, error) {
		return catalog.All[map[string]int](tx, yardstickPrefix, "")
	})
	if err == nil && len(written) != chunks {
		err = fmt.Errorf("the yardstick has written %d documents of %d", len(written), chunks)
	}
	return err
}
