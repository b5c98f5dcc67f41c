// A followed workflow that keeps ending is restarted at growing intervals, in virtual time.

package backlog

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// endingClient ends every workflow after a given lifetime, and counts starts.
type endingClient struct {
	client.Client
	lifetime time.Duration
	starts   atomic.Int64
}

func (c *endingClient) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	return &endedRun{lifetime: c.lifetime}
}

func (c *endingClient) SignalWithStartWorkflow(context.Context, string, string, any, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	c.starts.Add(1)
	return nil, nil
}

type endedRun struct {
	client.WorkflowRun
	lifetime time.Duration
}

func (r *endedRun) Get(ctx context.Context, _ any) error {
	select {
	case <-time.After(r.lifetime):
		return serviceerror.NewNotFound("it has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestKeepsEndingIsNotAWarningASecond follows a workflow that ends at once, and one that ends every ten minutes, for a day.
func TestKeepsEndingIsNotAWarningASecond(t *testing.T) {
	t.Parallel()
	for lifetime, most := range map[time.Duration]int64{0: 24*60 + 10, 10 * time.Minute: 24 * 6} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			c := &endingClient{lifetime: lifetime}
			r := NewRunner[input, counted](Kind{}, c, false, slog.New(slog.NewTextHandler(&log, nil)))
			w := workflowOf("")
			r.following[w.ID] = func() {}
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			r.restartLoop(ctx, w)
			starts := c.starts.Load()
			if warnings := int64(strings.Count(log.String(), "has ended; restarting")); starts > most || starts < most*9/10 || warnings != starts {
				t.Errorf("one that lives for %v is started %d times in a day, with %d warnings; at most %d are right", lifetime, starts, warnings, most)
			}
		})
	}
}
