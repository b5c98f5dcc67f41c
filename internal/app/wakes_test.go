// Failed wakes of a pipeline's workflow are repeated with growing delays, in virtual time.

package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/client"

	"bursar/internal/reconcile/flow"
)

// unreachableClient starts workflows that never end, and fails every signal.
type unreachableClient struct {
	client.Client
	signals atomic.Int64
}

func (*unreachableClient) ExecuteWorkflow(context.Context, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	return nil, nil
}

func (*unreachableClient) CancelWorkflow(context.Context, string, string) error { return nil }

func (*unreachableClient) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	return &stayingRun{}
}

func (c *unreachableClient) SignalWithStartWorkflow(context.Context, string, string, any, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	c.signals.Add(1)
	return nil, errors.New("the server does not answer")
}

type stayingRun struct{ client.WorkflowRun }

func (*stayingRun) Get(ctx context.Context, _ any) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestFailedWakesBackOff seals one batch, about which the workflow cannot be notified for a day.
func TestFailedWakesBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := &unreachableClient{}
		a := &App{log: slog.New(slog.NewTextHandler(&log, nil)), runner: flow.NewRunner(c, slog.New(slog.DiscardHandler))}
		if err := a.runner.Follow(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		wakes := a.followers.add("orders")
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		a.followers.wake("orders")
		a.forwardWakes(ctx, "orders", wakes)
		const most = 24*60 + 10
		if n := c.signals.Load(); n > most || n < most*9/10 || strings.Count(log.String(), "cannot notify a pipeline of a new batch") != int(n) {
			t.Errorf("the workflow is woken %d times in a day; at most %d are right", n, most)
		}
		_ = a.runner.Unfollow(t.Context(), "orders") // the client ignores it
	})
}
