// Repair of jobs: lists, counters and records of slots are made again, and output is restored from a backup.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/job/record"
	"bursar/internal/object"
)

// repairJobs repairs the records of slots and the output of their tasks.
func (r *repairer) repairJobs(ctx context.Context) error {
	if err := r.forJobs(ctx, r.slots().RepairLists); err != nil {
		return err
	}
	if err := r.restoreSlots(ctx); err != nil {
		return err
	}
	if err := r.forJobs(ctx, r.slots().RepairState); err != nil {
		return err
	}
	check := r.taskVerification(func(ref record.Ref, d object.Description, damage error) error {
		return r.restoreOutput(ctx, ref, d, damage)
	})
	err := r.eachBegun(ctx, func(s *record.Slot) error {
		restored, err := check.RestoreDivision(ctx, s)
		if restored {
			r.report("restored how the work of slot %s was divided", s.Ref)
		}
		return errors.Join(err, check.Slot(ctx, s))
	})
	if err != nil {
		return err
	}
	if err := check.Faults.Err(); err != nil {
		r.reportBroken(fmt.Errorf("%w: only a copy of the whole project has it", err))
	}
	return nil
}

// forJobs repairs something of each job, and reports it.
func (r *repairer) forJobs(ctx context.Context, repair func(ctx context.Context, job string) ([]string, error)) error {
	jobs, err := r.slots().Jobs(ctx)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		done, err := repair(ctx, job)
		if err != nil {
			return fmt.Errorf("repair the slots of %s: %w", job, err)
		}
		for _, text := range done {
			r.report("%s", text)
		}
	}
	return nil
}

// restoreSlots records the slots that have tasks, but no record. Documents of tasks that were not divided to the end are removed.
func (r *repairer) restoreSlots(ctx context.Context) error {
	list, err := r.work().Unrecorded(ctx)
	if err != nil {
		return err
	}
	for _, ref := range list {
		if err := r.restoreSlot(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

func (r *repairer) restoreSlot(ctx context.Context, ref record.Ref) error {
	isDivided, err := r.work().IsDivided(ctx, ref)
	if err != nil {
		return err
	}
	if !isDivided {
		r.report("removed what remained of slot %s", ref)
		return r.work().Remove(ctx, ref)
	}
	summary, unended, err := r.work().Summarize(ctx, ref)
	if err != nil {
		r.reportBroken(err)
		return nil
	}
	r.report("restored the record of slot %s from its tasks", ref)
	return r.slots().Restore(ctx, ref, summary, len(unended) > 0)
}

// restoreOutput restores an object from the backup, or forgets it if losses are dismissed.
func (r *repairer) restoreOutput(ctx context.Context, ref record.Ref, d object.Description, damage error) error {
	found, err := r.backup.Object(ctx, d)
	switch {
	case err != nil:
		return err
	case found:
		r.report("restored %s", d.Name)
	case r.options.DismissLosses:
		if err := r.work().ForgetOutput(ctx, ref, d); err != nil {
			return err
		}
		r.report("dismissed the loss of output of slot %s", ref)
	default:
		r.reportBroken(fmt.Errorf("output of slot %s: %w", ref, damage))
	}
	return nil
}
