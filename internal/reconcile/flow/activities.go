// The steps of a run as Temporal activities: heartbeats, one attempt at a time per run, errors by class.

package flow

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"bursar/internal/failure"
	"bursar/internal/keyed"
	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal"
)

// heartbeatInterval is the time between heartbeats, and so the longest time until a step notices that it is cancelled.
const heartbeatInterval = time.Second

type activities struct {
	steps        Steps
	project      string      // the only one whose steps are executed
	attemptLocks keyed.Mutex // by run, or by pipeline for next
}

func (a *activities) next(ctx context.Context, in NextInput) (out runs.NextResult, err error) {
	lockName := in.Pipeline
	if in.Rebuild {
		lockName = rebuildID(in.Pipeline)
	}
	err = a.runLocked(ctx, in.Project, lockName, func(ctx context.Context) error {
		out, err = a.steps.Next(ctx, in.Pipeline, in.After, in.Rebuild)
		return err
	})
	return out, err
}

func (a *activities) step(ctx context.Context, in StepInput) (out runs.StepResult, err error) {
	err = a.runLocked(ctx, in.Project, fmt.Sprintf("%s/g%d/%d", in.Ref.Pipeline, in.Ref.Generation, in.Ref.Run), func(ctx context.Context) error {
		out, err = a.steps.Step(ctx, in.Ref, in.Step)
		return err
	})
	return out, err
}

// partition executes a step for one partition. It does not wait for another attempt: the attempt that it replaces may hang for
// ever, and if that one finishes late it changes nothing (rule 5).
func (a *activities) partition(ctx context.Context, in PartitionInput) (out runs.StepResult, err error) {
	err = a.attempt(ctx, in.Project, func(ctx context.Context) error {
		out, err = a.steps.Partition(ctx, in.Ref, in.Step, in.Partition)
		return err
	})
	return out, err
}

// runLocked is attempt, but first waits for an earlier attempt that is still running in this process: if a process pauses for longer
// than the heartbeat timeout, its step is already assigned to another attempt.
func (a *activities) runLocked(ctx context.Context, project, lockName string, fn func(context.Context) error) error {
	return a.attempt(ctx, project, func(ctx context.Context) error {
		unlock, err := a.attemptLocks.Lock(ctx, lockName)
		if err != nil {
			return err
		}
		defer unlock()
		return fn(ctx)
	})
}

// attempt calls fn while heartbeats report that it is alive, and returns its error as activities do.
func (a *activities) attempt(ctx context.Context, project string, fn func(context.Context) error) error {
	if project != a.project {
		return temporal.ActivityError(temporal.ErrOtherProject)
	}
	wanted, stopHeartbeats := temporal.KeepAlive(ctx, heartbeatInterval)
	defer stopHeartbeats()
	err := temporal.RecoverPanic(ctx, func() error { return fn(wanted) })
	logRetry(wanted, err)
	return temporal.ActivityError(err)
}

// logRetry logs an error that is not reported otherwise, because another attempt follows. A process logs what it declines itself.
func logRetry(ctx context.Context, err error) {
	attempt := activity.GetInfo(ctx).Attempt
	if err == nil || ctx.Err() != nil || !failure.Of(err).Retryable() || attempt >= temporal.RetryPolicy().MaximumAttempts || temporal.IsDeclined(err) {
		return
	}
	activity.GetLogger(ctx).Warn("step failed; retrying", "error", err)
}
