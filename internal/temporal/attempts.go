// Attempts at activities in one process: heartbeats, one attempt at a time, errors by class.

package temporal

import (
	"context"
	"time"

	"bursar/internal/keyed"
)

// attemptHeartbeat is the time between heartbeats, and so the longest time until an attempt notices that it is cancelled.
const attemptHeartbeat = time.Second

// Attempts executes the activities of one project. It is safe for concurrent use.
type Attempts struct {
	Project string // its id, as in the inputs of activities; those of others are refused
	locks   keyed.Mutex
}

// Do calls fn while heartbeats report that it is alive, and returns its error as activities do.
func (a *Attempts) Do(ctx context.Context, project string, fn func(context.Context) error) error {
	if project != a.Project {
		return ActivityError(ErrOtherProject)
	}
	wanted, stopHeartbeats := KeepAlive(ctx, attemptHeartbeat)
	defer stopHeartbeats()
	return ActivityError(RecoverPanic(ctx, func() error { return fn(wanted) }))
}

// DoAlone is Do, but first waits for an earlier attempt of the same name that is still running in this process: if a process pauses for
// longer than the heartbeat timeout, its work is already assigned to another attempt.
func (a *Attempts) DoAlone(ctx context.Context, project, name string, fn func(context.Context) error) error {
	return a.Do(ctx, project, func(ctx context.Context) error {
		unlock, err := a.locks.Lock(ctx, name)
		if err != nil {
			return err
		}
		defer unlock()
		return fn(ctx)
	})
}
