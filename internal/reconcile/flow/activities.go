// The steps of a run as Temporal activities: one attempt at a time per run, errors by class.

package flow

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"

	"bursar/internal/failure"
	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal"
)

type activities struct {
	steps    Steps
	attempts *temporal.Attempts // alone by run, or by pipeline for next
}

func newActivities(steps Steps, project string) *activities {
	return &activities{steps: steps, attempts: &temporal.Attempts{Project: project}}
}

func (a *activities) next(ctx context.Context, in NextInput) (out runs.NextResult, err error) {
	name := in.Pipeline
	if in.Rebuild {
		name = rebuildID(in.Pipeline)
	}
	err = a.attempts.DoAlone(ctx, in.Project, name, func(ctx context.Context) error {
		out, err = a.steps.Next(ctx, in.Pipeline, in.After, in.Rebuild)
		logRetry(ctx, err)
		return err
	})
	return out, err
}

func (a *activities) step(ctx context.Context, in StepInput) (out runs.StepResult, err error) {
	name := fmt.Sprintf("%s/g%d/%d", in.Ref.Pipeline, in.Ref.Generation, in.Ref.Run)
	err = a.attempts.DoAlone(ctx, in.Project, name, func(ctx context.Context) error {
		out, err = a.steps.Step(ctx, in.Ref, in.Step)
		logRetry(ctx, err)
		return err
	})
	return out, err
}

// partition executes a step for one partition. It does not wait for another attempt: the attempt that it replaces may hang for
// ever, and if that one finishes late it changes nothing (rule 5).
func (a *activities) partition(ctx context.Context, in PartitionInput) (out runs.StepResult, err error) {
	err = a.attempts.Do(ctx, in.Project, func(ctx context.Context) error {
		out, err = a.steps.Partition(ctx, in.Ref, in.Step, in.Partition)
		logRetry(ctx, err)
		return err
	})
	return out, err
}

// logRetry logs an error that is not reported otherwise, because another attempt follows. A process logs what it declines itself.
func logRetry(ctx context.Context, err error) {
	attempt := activity.GetInfo(ctx).Attempt
	if err == nil || ctx.Err() != nil || !failure.Of(err).Retryable() || attempt >= temporal.RetryPolicy().MaximumAttempts || temporal.IsDeclined(err) {
		return
	}
	activity.GetLogger(ctx).Warn("step failed; retrying", "error", err)
}
