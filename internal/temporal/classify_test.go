// Conversion of error classes to Temporal and back.

package temporal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"bursar/internal/failure"
)

type exiting struct{ code int }

func (exiting) Error() string        { return "does not balance" }
func (exiting) Class() failure.Class { return failure.Data }
func (e exiting) ExitCode() int      { return e.code }

func TestActivityErrorRoundTrip(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	tests := []struct {
		name  string
		err   error
		class failure.Class
		code  int
		delay time.Duration
	}{
		{"bug", cause, failure.Bug, 1, 0},
		{"data", failure.Wrap(failure.Data, cause), failure.Data, 1, 0},
		{"transient", failure.Wrap(failure.Transient, cause), failure.Transient, 1, 0},
		{"transient with a delay", failure.Delay(time.Minute, failure.Wrap(failure.Transient, cause)), failure.Transient, 1, time.Minute},
		{"throttled", failure.Throttle(time.Minute, cause), failure.Throttled, 1, time.Minute},
		{"throttled without a delay", failure.Throttle(0, cause), failure.Throttled, 1, defaultThrottleDelay},
		{"exit code", fmt.Errorf("merge: %w", exiting{code: 4}), failure.Data, 4, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sent := ActivityError(tt.err)
			var application *temporal.ApplicationError
			if !errors.As(sent, &application) {
				t.Fatalf("got %T, want an application error", sent)
			}
			if application.Type() != tt.class.String() || application.NonRetryable() == tt.class.Retryable() {
				t.Errorf("type %q, non-retryable %v", application.Type(), application.NonRetryable())
			}
			if got := application.NextRetryDelay(); got != tt.delay {
				t.Errorf("next delay %v, want %v", got, tt.delay)
			}
			if application.Unwrap() != nil {
				t.Error("the cause would go into the history")
			}
			converter := temporal.GetDefaultFailureConverter()
			received := converter.FailureToError(converter.ErrorToFailure(sent))
			inResult := NewFailure(received)
			for _, back := range []error{FromTemporal(received), inResult.Err()} {
				if failure.Of(back) != tt.class || failure.ExitCode(back) != tt.code || back.Error() != tt.err.Error() {
					t.Errorf("came back as %v error %q with exit code %d", failure.Of(back), back, failure.ExitCode(back))
				}
			}
		})
	}
}

func TestActivityErrorPassesCancellation(t *testing.T) {
	t.Parallel()
	if ActivityError(nil) != nil {
		t.Error("nil became an error")
	}
	err := fmt.Errorf("merge of 'Jane Doe': %w", context.Canceled)
	if got := ActivityError(err); !errors.Is(got, context.Canceled) || got.Error() != context.Canceled.Error() {
		t.Errorf("a cancellation is %v", got)
	}
}

func TestActivityErrorIsShort(t *testing.T) {
	t.Parallel()
	var application *temporal.ApplicationError
	if !errors.As(ActivityError(errors.New(strings.Repeat("é", maxMessageBytes))), &application) {
		t.Fatal("no application error")
	}
	if text := application.Message(); len(text) > maxMessageBytes+8 || !utf8.ValidString(text) {
		t.Errorf("%d bytes, valid %v", len(text), utf8.ValidString(text))
	}
}

func TestFromTemporal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want failure.Class
	}{
		{"timeout", temporal.NewHeartbeatTimeoutError(), failure.Transient},
		{"taken over", &temporal.TerminatedError{}, failure.Transient},
		{"cancelled", temporal.NewCanceledError(), failure.Transient},
		{"type of a panic", temporal.NewApplicationError("impossible", panicType), failure.Bug},
		{"server away", serviceerror.NewUnavailable("away"), failure.Transient},
		{"server late", serviceerror.NewDeadlineExceeded("late"), failure.Transient},
		{"server full", &serviceerror.ResourceExhausted{Message: "slow down"}, failure.Throttled},
		{"anything else", errors.New("else"), failure.Bug},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := failure.Of(FromTemporal(tt.err)); got != tt.want {
				t.Errorf("class %v, want %v", got, tt.want)
			}
			if got := failure.ExitCode(FromTemporal(tt.err)); got != 1 {
				t.Errorf("exit code %d, want 1", got)
			}
		})
	}
	if FromTemporal(nil) != nil {
		t.Error("nil became an error")
	}
	if !errors.Is(FromTemporal(temporal.NewCanceledError()), context.Canceled) {
		t.Error("a cancellation is not recognised")
	}
}
