// Writing outcomes when that fails: what was executed must not be executed again because a disk is full or a server is away.

package chunk

import (
	"context"
	"errors"
	"time"

	"bursar/internal/failure"
)

const (
	// outputPatience is how long output that cannot be stored is kept in memory. Then it is dropped, so that outcomes do not wait for it.
	outputPatience = time.Minute
	// warnInterval is the least time between two warnings of an execution.
	warnInterval = time.Minute
)

// settleBackoff is the wait between two tries to write outcomes.
var settleBackoff = failure.Backoff{Least: 100 * time.Millisecond, Most: 5 * time.Second}

// failing is what an execution knows about its writes that fail.
type failing struct {
	since  time.Time // when the first of them failed; zero: the last one has not
	warned time.Time
}

// noteWrite keeps whether writes fail, and warns of that.
func (x *execution) noteWrite(err error) {
	if errors.Is(err, ErrSuperseded) {
		return
	}
	now, log := x.chunk.work.Now(), x.chunk.work.log().With("slot", x.Ref.String())
	switch {
	case err == nil:
		if !x.failing.warned.IsZero() {
			log.Info("the outcomes of tasks are written again")
		}
		x.failing = failing{}
		return
	case x.failing.since.IsZero():
		x.failing.since = now
	}
	if now.Sub(x.failing.warned) >= warnInterval {
		x.failing.warned = now
		log.Warn("cannot write the outcomes of tasks; no more of them begin here until that succeeds", "error", err)
	}
}

// settle writes the outcomes of tasks that were executed, however long that takes, until ctx ends. x.mu is held, but not while it waits.
func (x *execution) settle(ctx context.Context) error {
	for failures := 1; ; failures++ {
		err := x.write(ctx)
		if err == nil || errors.Is(err, ErrSuperseded) || ctx.Err() != nil || !failure.Of(err).Retryable() {
			return err
		}
		x.mu.Unlock()
		wait := time.NewTimer(settleBackoff.After(failures))
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
		wait.Stop()
		x.mu.Lock()
	}
}

// dropOutput reports whether output is given up that cannot be stored: at once if that will not pass, else after a while. It is counted as cut.
func (x *execution) dropOutput(ctx context.Context, err error) bool {
	if ctx.Err() != nil || failure.Of(err).Retryable() && (x.failing.since.IsZero() || x.chunk.work.Now().Sub(x.failing.since) < outputPatience) {
		return false
	}
	for _, o := range x.outputs {
		x.chunk.outcomes.detail(o.Task).Cut += int64(len(o.Text))
	}
	x.chunk.work.log().Warn("cannot store the output of tasks; it is lost", "slot", x.Ref.String(), "bytes", x.bytes, "error", err)
	x.outputs, x.bytes = nil, 0
	return true
}
