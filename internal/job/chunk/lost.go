// Attempts that were lost with their worker. An attempt that ends its worker, as by the memory that it takes, must not be repeated for ever.

package chunk

import (
	"context"

	"bursar/internal/failure"
)

const lostAttempt = "its worker has ended while it was executed"

// noteBegin records durably that an attempt of a task begins, if a worker was lost with it, or with tasks of its chunk, before. Otherwise
// nothing is written: most tasks are quick, and few workers are lost. Tasks that are claimed are known to have begun.
func (x *execution) noteBegin(ctx context.Context, i int) error {
	known := x.chunk.outcomes.Details[i]
	if claims(x.Job) || !x.AfterLoss && (known == nil || !known.Lost) {
		return nil
	}
	d := x.chunk.outcomes.detail(i)
	d.Begun, x.changed = true, true
	err := x.write(ctx)
	if err != nil {
		d.Begun = false // it does not begin
	}
	return err
}

// countLost counts the attempts that have begun and of which no end is recorded.
func (x *execution) countLost() {
	o := &x.chunk.outcomes
	for i, d := range o.Details {
		if !d.Begun {
			continue
		}
		d.Begun, x.changed = false, true
		if !o.state(i).isOpen() {
			continue
		}
		d.Attempts = o.attempts(i) + 1
		d.Lost, d.Error, d.Class = true, lostAttempt, failure.Transient.String()
		d.Retry = x.chunk.work.Now().Add(retryWait(x.Job.Retry, failure.Transient, d.Attempts)).UTC()
		if d.Attempts >= x.Job.Retry.Attempts {
			o.setState(i, Failed)
		}
	}
}
