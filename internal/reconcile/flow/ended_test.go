//go:build !race

// Workflows that somebody else ends, and tasks that another worker takes: the pipeline recovers by itself.

package flow

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	commandpb "go.temporal.io/api/command/v1"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"bursar/internal/role"
	"bursar/internal/temporal"
)

func quietRunner(c client.Client) *Runner {
	return NewRunner(c, slog.New(slog.DiscardHandler))
}

func (s *scriptedSteps) grow(by uint64) (backlog uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backlog += by
	return s.backlog
}

// awaitFor is await with a time limit.
func (s *scriptedSteps) awaitFor(t *testing.T, runs uint64, patience time.Duration, after string) {
	t.Helper()
	began, done := time.Now(), make(chan struct{})
	go func() {
		s.await("publish", int(runs))
		close(done)
	}()
	select {
	case <-done:
		t.Logf("%s: %d runs were published after %v", after, runs, time.Since(began))
	case <-time.After(patience):
		t.Fatalf("%s: run %d is not published after %v; called was %v", after, runs, patience, s.called("publish"))
	}
}

// TestServerFollowsOnWhateverEnds ends the workflow of a followed pipeline in every possible way, with a backlog that nobody
// reports: it is restarted, and `run` gets its answer.
func TestServerFollowsOnWhateverEnds(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{backlog: 1}
	c := serveSteps(t, t.TempDir(), steps)
	runner := quietRunner(c)
	if err := runner.Follow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	steps.awaitFor(t, 1, time.Minute, "followed")
	id := WorkflowID("orders")
	for _, ending := range []struct {
		name string
		end  func() error
	}{
		{"terminated", func() error { return c.TerminateWorkflow(t.Context(), id, "", "by hand") }},
		{"cancelled", func() error { return c.CancelWorkflow(t.Context(), id, "") }},
		{"deleted", func() error {
			_, err := c.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
				Namespace: temporal.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
			})
			return err
		}},
		{"reset", func() error {
			_, err := c.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
				Namespace: temporal.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id}, Reason: "by hand",
				WorkflowTaskFinishEventId: 4, RequestId: "reset",
			})
			return err
		}},
	} {
		runs := steps.grow(1)
		if err := ending.end(); err != nil {
			t.Fatalf("%s: %v", ending.name, err)
		}
		steps.awaitFor(t, runs, time.Minute, ending.name)
	}
	for range 3 { // and requested at once
		if err := c.TerminateWorkflow(t.Context(), id, "", "by hand"); err != nil {
			t.Fatal(err)
		}
		runs := steps.grow(1)
		if _, err := runner.Run(t.Context(), "orders"); err != nil {
			t.Errorf("run after a termination: %v", err)
		}
		steps.awaitFor(t, runs, time.Minute, "run")
	}
	if err := c.TerminateWorkflow(t.Context(), id, "", "by hand"); err != nil {
		t.Fatal(err)
	}
	runs := steps.grow(1)
	if err := runner.Wake(t.Context(), "orders"); err != nil {
		t.Errorf("wake after a termination: %v", err)
	}
	steps.awaitFor(t, runs, time.Minute, "wake")
	err := c.TerminateWorkflow(t.Context(), id, "", "by hand")
	if err := errors.Join(err, runner.Unfollow(t.Context(), "orders")); err != nil {
		t.Fatal(err)
	}
	steps.grow(1)
	if err := runner.Wake(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
	if open, err := isOpen(t.Context(), c, id); err != nil || open {
		t.Errorf("the workflow is open (%v, %v) though nobody follows", open, err)
	}
}

func isOpen(ctx context.Context, c client.Client, id string) (bool, error) {
	found, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return false, err
	}
	return found.WorkflowExecutionInfo.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// TestServerRunsOnWhateverEnds ends the workflow in the middle of a run, with and without following.
func TestServerRunsOnWhateverEnds(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		merging, release := make(chan struct{}), make(chan struct{})
		steps := &scriptedSteps{backlog: 1, blocked: map[string]func(context.Context) error{
			"2 merge": func(context.Context) error {
				select {
				case merging <- struct{}{}:
					<-release
				default:
				}
				return nil
			},
		}}
		c := serveSteps(t, t.TempDir(), steps)
		runner := quietRunner(c)
		if follow {
			if err := runner.Follow(t.Context(), "orders"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := runner.Run(t.Context(), "orders"); err != nil {
			t.Fatal(err)
		}
		steps.grow(1)
		done := make(chan error, 1)
		go func() {
			_, err := runner.Run(t.Context(), "orders")
			done <- err
		}()
		<-merging
		if err := c.TerminateWorkflow(t.Context(), WorkflowID("orders"), "", "by hand"); err != nil {
			t.Fatal(err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Errorf("follows %v: run says %v", follow, err)
		}
		steps.awaitFor(t, 2, time.Minute, "terminated while it runs")
		if follow {
			if err := runner.Unfollow(t.Context(), "orders"); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestServerOutlivesThieves has another worker take tasks of all kinds and never answer them, or answer with nonsense.
func TestServerOutlivesThieves(t *testing.T) {
	t.Parallel()
	steps := &scriptedSteps{split: 1}
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	c := server.Client()
	runner := quietRunner(c)
	if err := runner.Follow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	steal(t, c, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	steal(t, c, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	w := NewWorkers(c, steps, role.All(), testLimits, "")
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	steps.awaitFor(t, steps.grow(1), time.Minute, "a workflow task was taken")
	w.Stop()

	runs := steps.grow(1)
	if err := runner.Wake(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	w = NewWorkers(c, steps, role.All(), testLimits, "")
	if err := w[0].Start(); err != nil { // nobody takes the tasks of the index
		t.Fatal(err)
	}
	steal(t, c, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	steal(t, c, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err := w[1].Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	steps.awaitFor(t, runs, time.Minute, "activity tasks were taken")
	if err := runner.Unfollow(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
}

// steal takes a task and never answers.
func steal(t *testing.T, c client.Client, kind enumspb.TaskQueueType) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var token []byte
		if kind == enumspb.TASK_QUEUE_TYPE_WORKFLOW {
			task, err := c.WorkflowService().PollWorkflowTaskQueue(ctx, &workflowservice.PollWorkflowTaskQueueRequest{
				Namespace: temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: TaskQueue}, Identity: "thief",
			})
			if err != nil {
				t.Fatal(err)
			}
			token = task.TaskToken
		} else {
			task, err := c.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{
				Namespace: temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: IndexQueue}, Identity: "thief",
			})
			if err != nil {
				t.Fatal(err)
			}
			token = task.TaskToken
		}
		if len(token) > 0 {
			return
		}
	}
}

// failWorkflow is a command that fails a workflow.
func failWorkflow() []*commandpb.Command {
	return []*commandpb.Command{{
		CommandType: enumspb.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
		Attributes: &commandpb.Command_FailWorkflowExecutionCommandAttributes{
			FailWorkflowExecutionCommandAttributes: &commandpb.FailWorkflowExecutionCommandAttributes{Failure: &failurepb.Failure{Message: "no"}},
		},
	}}
}

// TestServerOutlivesFailedTasks answers a workflow task with the end of the workflow.
func TestServerOutlivesFailedTasks(t *testing.T) {
	t.Parallel()
	server, err := temporal.Start(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	c, steps := server.Client(), &scriptedSteps{backlog: 1}
	runner := quietRunner(c)
	if err := runner.Follow(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	task, err := c.WorkflowService().PollWorkflowTaskQueue(ctx, &workflowservice.PollWorkflowTaskQueueRequest{
		Namespace: temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: TaskQueue}, Identity: "thief",
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.WorkflowService().RespondWorkflowTaskCompleted(ctx, &workflowservice.RespondWorkflowTaskCompletedRequest{
		Namespace: temporal.Namespace, TaskToken: task.TaskToken, Identity: "thief", Commands: failWorkflow(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := NewWorkers(c, steps, role.All(), testLimits, "")
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	steps.awaitFor(t, 1, time.Minute, "the workflow failed")
	if err := runner.Unfollow(t.Context(), "orders"); err != nil {
		t.Error(err)
	}
}
