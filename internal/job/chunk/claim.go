// Claims of tasks that must not be executed twice unnoticed.

package chunk

import (
	"context"

	"bursar/internal/job/record"
	"bursar/internal/job/slot"
	"bursar/internal/project"
)

func taskID(ref record.Ref, key string) string { return slot.TaskID(ref.Job, ref.Due, key) }

// claims reports whether tasks of a job are claimed before they begin: so that the next worker knows that an attempt may have had its effect.
func claims(j *project.Job) bool { return j.Once || j.Task.Email != nil }

// mayHaveEffect reports whether an earlier attempt of a task, in this run of the slot or another one, may have had its effect.
func (x *execution) mayHaveEffect(i int) bool {
	if x.ClaimAll && x.Ref.Run > 0 { // an earlier run of the slot may have had it: its tasks have the same idempotency keys
		return true
	}
	return x.chunk.outcomes.state(i) == Claimed && !x.claimed[i]
}

// claim records durably that attempts of a task, or of all that are due, may begin.
func (x *execution) claim(ctx context.Context, i int) error {
	if !claims(x.Job) {
		return nil
	}
	o := &x.chunk.outcomes
	if o.state(i) == Claimed {
		return x.confirmClaim(ctx, i)
	}
	now := x.chunk.work.Now()
	for k := i; k < len(o.States) && (k == i || x.ClaimAll); k++ {
		if o.state(k) == Waiting && o.isDue(k, now) {
			o.setState(k, Claimed)
			x.claimed[k], x.changed = true, true
		}
	}
	return x.write(ctx)
}

// confirmClaim makes sure that no other worker begins a task that is claimed. One whose claim is of an earlier execution is claimed again by a
// write, after which that execution begins no more.
func (x *execution) confirmClaim(ctx context.Context, i int) error {
	if x.claimed[i] || x.chunk.outcomes.Writer == x.chunk.writer {
		return x.chunk.confirm(ctx)
	}
	x.changed = true
	return x.write(ctx)
}

// unclaim gives back the claims of tasks that have not begun.
func (x *execution) unclaim() {
	for i := range x.claimed {
		if x.chunk.outcomes.state(i) == Claimed && !x.begun[i] {
			x.chunk.outcomes.setState(i, Waiting)
			x.changed = true
		}
	}
}
