// Following: waiting for sealed batches and requests when the backlog is empty, and backing off after failures.

package flow

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"bursar/internal/failure"
	"bursar/internal/temporal"
)

const (
	// SealedSignal notifies a following workflow that a batch was sealed.
	SealedSignal = "sealed"
	// drainUpdate requests that a following workflow executes the current backlog, and returns when that is done.
	drainUpdate = "work off"

	// idleTimeout bounds the wait of a following workflow: a lost signal delays a batch by no more than this.
	idleTimeout = time.Minute
)

// backoff is the wait after a transient failure that outlasted its retries.
var backoff = failure.Backoff{Least: 2 * time.Second, Most: 2 * time.Minute}

// registerHandlers starts to receive signals and updates.
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

// handleDrain waits for a pass over the backlog that starts after the request.
func (m *backlogManager) handleDrain(ctx workflow.Context) (Result, error) {
	m.requests++
	m.wakeRequested = true
	request, before := m.requests, m.runs
	if err := workflow.Await(ctx, func() bool { return m.answered >= request || m.ending }); err != nil {
		return Result{}, err
	}
	if m.answered < request {
		return Result{Runs: m.runs - before, Interrupted: true}, nil
	}
	return Result{Runs: m.runs - before}, m.outcome
}

// waitForWork waits after a pass until there is something to do. After a transient failure it retries after a while; after other
// failures only on request, because the same input would fail the same way.
func (m *backlogManager) waitForWork(ctx workflow.Context, failed error) error {
	if failed == nil {
		m.failures = 0
		_, err := workflow.AwaitWithTimeout(ctx, idleTimeout, func() bool { return m.wakeRequested })
		return err
	}
	requested := func() bool { return m.requests > m.answered }
	if !failure.Of(temporal.FromTemporal(failed)).Retryable() {
		return workflow.Await(ctx, requested)
	}
	m.failures++
	_, err := workflow.AwaitWithTimeout(ctx, backoff.After(m.failures), requested)
	return err
}

// finishHandlers lets the waiting update handlers return, so that their callers repeat the request on the next execution.
func (m *backlogManager) finishHandlers(ctx workflow.Context) error {
	m.ending = true
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}
