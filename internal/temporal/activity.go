// What every long activity does: heartbeats, and no panic in a history.

package temporal

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// heartbeatTimeout bounds one heartbeat of KeepAlive.
const heartbeatTimeout = 2 * time.Second

// KeepAlive sends heartbeats until stop is called, also while an activity that is cancelled takes its time to end. The context ends with that of
// the activity, or when the server says that the activity is cancelled or is another attempt's. The time between heartbeats is the longest time
// until it notices that. The client library's own heartbeats end the activity's context also when the server does not answer for a second.
func KeepAlive(ctx context.Context, every time.Duration) (wanted context.Context, stop func()) {
	wanted, end := context.WithCancel(ctx)
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	stop = func() { stopSending(); end() }
	if activity.GetInfo(ctx).TaskToken == nil {
		return wanted, stop // a local activity is not known to the server
	}
	go func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-sending.Done():
				return
			case <-ticker.C:
			}
			err := sendHeartbeat(sending)
			gone := errors.As(err, new(*serviceerror.NotFound)) || errors.As(err, new(*serviceerror.NamespaceNotFound))
			if isCancelled(err) {
				activity.RecordHeartbeat(ctx) // for the client library, which else takes the activity's end for a failure
			}
			if gone || isCancelled(err) {
				end()
			}
			if gone {
				return
			}
		}
	}()
	return wanted, stop
}

func sendHeartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	return activity.GetClient(ctx).RecordActivityHeartbeat(ctx, activity.GetInfo(ctx).TaskToken)
}

// isCancelled reports whether the answer to a heartbeat says that the activity is to end, or that a person has paused or reset it.
func isCancelled(err error) bool {
	var cancelled *temporal.CanceledError
	return errors.As(err, &cancelled) || errors.Is(err, activity.ErrActivityPaused) || errors.Is(err, activity.ErrActivityReset)
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
