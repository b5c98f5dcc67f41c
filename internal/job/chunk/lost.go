// Attempts that were lost with their worker. An attempt that ends its worker, as by the memory that it takes, must not be repeated for ever.

package chunk

import (
	"context"

	"bursar/internal/failure"
)

const lostAttempt = "its worker has ended while it was executed"

// noteBegin records durably that an attempt of a task begins, if a worker was lost with these tasks before. Otherwise nothing is written: most
// tasks are quick, and few workers are lost. Tasks that are claimed are known to have begun.
func (x *execution) noteBegin(ctx context.Context, i int) error {
	if !x.AfterLoss || claims(x.Job) {
		return nil
	}
	x.chunk.outcomes.detail(i).Begun, x.changed = true, true
	return x.write(ctx)
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
		d.Error, d.Class = lostAttempt, failure.Transient.String()
		d.Retry = x.chunk.work.Now().Add(retryWait(x.Job.Retry, failure.Transient, d.Attempts)).UTC()
		if d.Attempts >= x.Job.Retry.Attempts {
			o.setState(i, Failed)
		}
	}
}
