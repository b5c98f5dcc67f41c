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
	// workOffUpdate asks a following workflow for the backlog at that time, and answers when it is worked off.
	workOffUpdate = "work off"

	// idle is how long a following workflow rests at most: a signal that was lost with its sender delays a batch by no more.
	idle = time.Minute
	// After a transient failure that outlasted its retries it rests briefly, and longer each time.
	firstRest, longestRest = 2 * time.Second, 2 * time.Minute
)

// listen takes signals and requests from now on.
func (m *manager) listen(ctx workflow.Context) error {
	if !m.in.Follow {
		return nil
	}
	sealed := workflow.GetSignalChannel(ctx, SealedSignal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for sealed.Receive(ctx, nil) {
			m.awake = true
		}
	})
	return workflow.SetUpdateHandler(ctx, workOffUpdate, m.answer)
}

// answer waits for a pass over the backlog that begins after the request.
func (m *manager) answer(ctx workflow.Context) (WorkflowResult, error) {
	m.asked++
	m.awake = true
	mine, before := m.asked, m.runs
	if err := workflow.Await(ctx, func() bool { return m.answered >= mine || m.leaving }); err != nil {
		return WorkflowResult{}, err
	}
	if m.answered < mine {
		return WorkflowResult{Runs: m.runs - before, Interrupted: true}, nil
	}
	return WorkflowResult{Runs: m.runs - before}, m.outcome
}

// rest waits after a pass until there is something to do. A transient failure is tried again after a while; data and bugs
// only when somebody asks, because more of the same would fail the same way.
func (m *manager) rest(ctx workflow.Context, failed error) error {
	if failed == nil {
		m.failures = 0
		_, err := workflow.AwaitWithTimeout(ctx, idle, func() bool { return m.awake })
		return err
	}
	asked := func() bool { return m.asked > m.answered }
	if !failure.Of(temporal.FromTemporal(failed)).Retryable() {
		return workflow.Await(ctx, asked)
	}
	wait := min(firstRest<<min(m.failures, 16), longestRest)
	m.failures++
	_, err := workflow.AwaitWithTimeout(ctx, wait, asked)
	return err
}

// hangUp has everybody who waits ask the next execution.
func (m *manager) hangUp(ctx workflow.Context) error {
	m.leaving = true
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}
