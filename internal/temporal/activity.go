// What every long activity does: heartbeats, and no panic in a history.

package temporal

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"
)

// Heartbeat sends heartbeats until the returned function is called. The time between them is also the longest time until the activity notices
// that it is cancelled.
func Heartbeat(ctx context.Context, every time.Duration) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return stop
}

// RecoverPanic turns a panic of fn into an error: Temporal would write its text and stack into the history (rule 7).
func RecoverPanic(ctx context.Context, fn func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			activity.GetLogger(ctx).Error("activity panicked", "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("bug: panic: %v", cause)
		}
	}()
	return fn()
}
