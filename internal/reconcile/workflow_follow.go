// Staying when the backlog is worked off: what wakes the workflow, and what it does about failures.

package reconcile

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/failure"
	"bursar/internal/temporal"
)

const (
	// SealedSignal tells a following workflow that a batch was sealed.
	SealedSignal = "sealed"
	// drainUpdate asks a following workflow for the backlog at that time, and answers when it is worked off.
	drainUpdate = "work off"

	// idleTimeout is how long a following workflow rests at most: a signal that was lost with its sender delays a batch by no more.
	idleTimeout = time.Minute
	// After a transient failure that outlasted its retries it rests briefly, and longer each time.
	firstBackoff, maxBackoff = 2 * time.Second, 2 * time.Minute
)

// registerHandlers takes signals and requests from now on.
func (m *backlogManager) registerHandlers(ctx workflow.Context) error {
	if !m.in.Follow {
		return nil
	}
	sealed := workflow.GetSignalChannel(ctx, SealedSignal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for sealed.Receive(ctx, nil) {
			m.wakeRequested = true
		}
	})
	return workflow.SetUpdateHandler(ctx, drainUpdate, m.handleDrain)
}

// handleDrain waits for a pass over the backlog that begins after the request.
func (m *backlogManager) handleDrain(ctx workflow.Context) (WorkflowResult, error) {
	m.requests++
	m.wakeRequested = true
	request, before := m.requests, m.runs
	if err := workflow.Await(ctx, func() bool { return m.answered >= request || m.ending }); err != nil {
		return WorkflowResult{}, err
	}
	if m.answered < request {
		return WorkflowResult{Runs: m.runs - before, Interrupted: true}, nil
	}
	return WorkflowResult{Runs: m.runs - before}, m.outcome
}

// waitForWork waits after a pass until there is something to do. A transient failure is tried again after a while; data and bugs
// only when somebody asks, because more of the same would fail the same way.
func (m *backlogManager) waitForWork(ctx workflow.Context, failed error) error {
	if failed == nil {
		m.failures = 0
		_, err := workflow.AwaitWithTimeout(ctx, idleTimeout, func() bool { return m.wakeRequested })
		return err
	}
	requested := func() bool { return m.requests > m.answered }
	if !failure.Of(temporal.Received(failed)).Retryable() {
		return workflow.Await(ctx, requested)
	}
	wait := min(firstBackoff<<min(m.failures, 16), maxBackoff)
	m.failures++
	_, err := workflow.AwaitWithTimeout(ctx, wait, requested)
	return err
}

// finishHandlers has everybody who waits ask the next execution.
func (m *backlogManager) finishHandlers(ctx workflow.Context) error {
	m.ending = true
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}
