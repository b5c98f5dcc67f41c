// A cluster that is away for longer than the client library waits, in virtual time.

package backlog

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// awayClient fails every start with an error until an hour has passed. Then it starts workflows that have done three things.
type awayClient struct {
	client.Client
	back   time.Time
	err    error
	starts int
}

func (c *awayClient) ExecuteWorkflow(ctx context.Context, _ client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c.starts++
	if time.Now().Before(c.back) {
		return nil, c.err
	}
	return &doneRun{}, nil
}

// DescribeWorkflowExecution fails like a start, or finds no workflow to join.
func (c *awayClient) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if time.Now().Before(c.back) {
		return nil, c.err
	}
	return nil, serviceerror.NewNotFound("no workflow")
}

func (*awayClient) CancelWorkflow(context.Context, string, string) error {
	return serviceerror.NewNotFound("no workflow")
}

// input and counted are the input and the result of a workflow.
type input struct{ Follow bool }

type counted struct{ Done int }

func (c counted) Plus(next counted) counted { return counted{c.Done + next.Done} }
func (c counted) IsInterrupted() bool       { return false }

// workflowOf is the workflow of a project.
func workflowOf(project string) Workflow[input] {
	return Workflow[input]{ID: "work/all", Project: project, Input: func(follow bool) input { return input{follow} }}
}

type doneRun struct{ client.WorkflowRun }

func (*doneRun) Get(_ context.Context, result any) error {
	if r, ok := result.(*counted); ok {
		r.Done = 3
	}
	return nil
}

func TestRunnerWaitsForServer(t *testing.T) {
	t.Parallel()
	away, other := serviceerror.NewUnavailable("connection refused"), errors.New("no")
	for name, tt := range map[string]struct {
		project string
		err     error
		timeout time.Duration
		took    time.Duration
		fails   bool
	}{
		"a cluster":           {"p", away, 2 * time.Hour, time.Hour, false},
		"late":                {"p", serviceerror.NewDeadlineExceeded("late"), 2 * time.Hour, time.Hour, false},
		"late update":         {"p", client.NewWorkflowUpdateServiceTimeoutOrCanceledError(away), 2 * time.Hour, time.Hour, false},
		"the caller gives up": {"p", away, time.Minute, time.Minute, true},
		"another error":       {"p", other, 2 * time.Hour, 0, true},
		"in this process":     {"", away, 2 * time.Hour, 0, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			c := &awayClient{back: began.Add(time.Hour), err: tt.err}
			r := NewRunner[input, counted](Kind{}, c, false, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			result, err := r.Run(ctx, workflowOf(tt.project))
			if took := time.Since(began); (err != nil) != tt.fails || !tt.fails && result.Done != 3 || took < tt.took || took > tt.took+outageWait.Most {
				t.Errorf("%s: %+v, %v after %v", name, result, err, took)
			}
			if c.starts > 1000 {
				t.Errorf("%s: %d starts", name, c.starts)
			}
		})
	}
}
