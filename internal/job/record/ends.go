// How slots end.

package record

import (
	"context"
	"fmt"

	"bursar/internal/job/slot"
	"bursar/internal/project"
)

// End records how a slot that was executed has ended. A slot that has ended stays as it is. j is nil if the job is not declared any more.
func (s *Slots) End(ctx context.Context, j *project.Job, ref Ref, summary Summary) (out Slot, err error) {
	_, err = s.update(ctx, nil, func(d *decision) error {
		found, err := existing(d.tx, ref)
		if err != nil {
			return err
		}
		out = *found
		if out.State != slot.Running {
			return nil
		}
		st, _, err := readState(d.tx, ref.Job)
		if err != nil {
			return err
		}
		out.Summary = summary
		state, reason := slot.Done, ""
		switch {
		case out.CancelAsked != nil && summary.Cancelled > 0:
			state, reason = slot.Failed, "cancelled by "+out.CancelBy
		case summary.Failed > 0 || summary.Cancelled > 0 || summary.Error != "":
			state = slot.Failed
		case j != nil && j.Deadline > 0 && d.now.After(deadlineOf(j, &out)):
			state, reason = slot.Late, fmt.Sprintf("it ended after its deadline, %s after it was due", j.Deadline)
		}
		if err := d.end(st, &out, state, reason); err != nil {
			return err
		}
		return d.tx.Put(stateKey(ref.Job), st)
	})
	return out, err
}

// Cancel asks for the end of a slot: one that waits ends at once, one that is executed soon.
func (s *Slots) Cancel(ctx context.Context, ref Ref, by string) (out Slot, err error) {
	_, err = s.update(ctx, nil, func(d *decision) error {
		found, err := existing(d.tx, ref)
		if err != nil {
			return err
		}
		out = *found
		switch {
		case out.State == slot.Waiting:
			st, _, err := readState(d.tx, ref.Job)
			if err != nil {
				return err
			}
			if err := d.end(st, &out, slot.Failed, "cancelled by "+by); err != nil {
				return err
			}
			return d.tx.Put(stateKey(ref.Job), st)
		case out.State == slot.Running && out.CancelAsked == nil:
			out.CancelAsked, out.CancelBy = &d.now, by
			return put(d.tx, &out)
		}
		return nil
	})
	return out, err
}
