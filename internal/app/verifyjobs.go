// Verification of jobs: the records of slots, their tasks, and what the tasks have written.

package app

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/job/chunk"
	"bursar/internal/job/record"
	"bursar/internal/object"
	"bursar/internal/reconcile"
)

// checkJobs checks the slots of all jobs, also of those that are not declared any more. A project that never had a slot has nothing to check.
func (v *projectVerification) checkJobs(ctx context.Context) error {
	var faults, lost record.Faults
	slots, err := v.slots().Verify(ctx, &faults)
	if err != nil {
		return err
	}
	check := v.taskVerification(func(ref record.Ref, d object.Description, err error) error {
		lost.Add("output of %s: %w", ref, err)
		return nil
	})
	output := newCheck("job output", "")
	output.Remedy = restoreRemedy
	if err := v.verifyTasks(ctx, check); isTemporary(err) && ctx.Err() == nil {
		output.Remedy = "" // the error names it
		v.add(output, "", err)
	} else if err != nil {
		return err
	} else if check.Objects > 0 {
		v.add(output, reconcile.Plural(check.Objects, "object")+": every byte as it was written", lost.Err())
	}
	faults.Join(&check.Faults)
	if err := faults.Err(); slots > 0 || err != nil {
		v.add(newCheck("jobs", ""), reconcile.Plural(slots, "slot")+": each is listed, counted and divided as it says", err)
	}
	return nil
}

// taskVerification returns what checks the tasks of slots. lost is called for each object with output that is damaged or missing.
func (a *App) taskVerification(lost func(record.Ref, object.Description, error) error) *chunk.Verification {
	return &chunk.Verification{Work: a.work(), Kept: time.Now().Add(-keepSlots), Lost: lost}
}

// eachBegun calls fn for each slot that has begun, of all jobs.
func (a *App) eachBegun(ctx context.Context, fn func(*record.Slot) error) error {
	jobs, err := a.slots().Jobs(ctx)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		if err := a.slots().EachBegun(ctx, job, fn); err != nil {
			return fmt.Errorf("verify the tasks of %s: %w", job, err)
		}
	}
	return nil
}

// verifyTasks checks the tasks of all slots, and that each slot that has tasks is recorded.
func (a *App) verifyTasks(ctx context.Context, check *chunk.Verification) error {
	if err := a.eachBegun(ctx, func(s *record.Slot) error { return check.Slot(ctx, s) }); err != nil {
		return err
	}
	unrecorded, err := check.Unrecorded(ctx)
	for _, ref := range unrecorded {
		check.Faults.Add("slot %s has tasks, but its record is missing", ref)
	}
	return err
}
