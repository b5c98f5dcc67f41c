// Tests of the classifier and of exit codes.

package failure_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"bursar/internal/failure"
)

var errPlain = errors.New("plain")

// breach is an error type of another package with both a class and an exit code.
type breach struct{}

func (breach) Error() string        { return "rows do not balance" }
func (breach) Class() failure.Class { return failure.Data }
func (breach) ExitCode() int        { return 4 }

func TestOf(t *testing.T) {
	t.Parallel()
	full := &os.PathError{Op: "write", Path: "part", Err: syscall.ENOSPC}
	absent := &os.PathError{Op: "open", Path: "part", Err: syscall.ENOENT}
	tests := []struct {
		name string
		err  error
		want failure.Class
	}{
		{"unknown", errPlain, failure.Bug},
		{"declared data", failure.Wrap(failure.Data, errPlain), failure.Data},
		{"declared by type, wrapped", fmt.Errorf("merge run: %w", breach{}), failure.Data},
		{"outermost wins", failure.Wrap(failure.Bug, failure.Wrap(failure.Transient, errPlain)), failure.Bug},
		{"declared wins over known", failure.Wrap(failure.Bug, full), failure.Bug},
		{"throttled", fmt.Errorf("put: %w", failure.Throttle(time.Second, errPlain)), failure.Throttled},
		{"deadline", fmt.Errorf("read: %w", context.DeadlineExceeded), failure.Transient},
		{"interrupted", context.Canceled, failure.Transient},
		{"network", &net.OpError{Op: "dial", Err: errPlain}, failure.Transient},
		{"refused", fmt.Errorf("dial: %w", syscall.ECONNREFUSED), failure.Transient},
		{"disk full", full, failure.Transient},
		{"file too large", fmt.Errorf("write: %w", syscall.EFBIG), failure.Transient},
		{"read-only disk", fmt.Errorf("write: %w", syscall.EROFS), failure.Data},
		{"links in a circle", &os.PathError{Op: "stat", Path: "loop", Err: syscall.ELOOP}, failure.Data},
		{"absent file", absent, failure.Data},
		{"absent object", fmt.Errorf("open part: %w", fs.ErrNotExist), failure.Data},
		{"joined", errors.Join(errPlain, full), failure.Transient},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := failure.Of(tt.err); got != tt.want {
				t.Errorf("Of(%v) = %v, want %v", tt.err, got, tt.want)
			}
		})
	}
}

func TestWrapKeepsTextAndChain(t *testing.T) {
	t.Parallel()
	if failure.Wrap(failure.Data, nil) != nil || failure.Throttle(time.Second, nil) != nil {
		t.Error("wrapping nil must give nil")
	}
	err := failure.Throttle(3*time.Second, errPlain)
	if err.Error() != errPlain.Error() || !errors.Is(err, errPlain) {
		t.Errorf("got %q, want the wrapped error's text and chain", err)
	}
	if got := failure.RetryAfter(fmt.Errorf("put: %w", err)); got != 3*time.Second {
		t.Errorf("RetryAfter = %v, want 3s", got)
	}
	if got := failure.RetryAfter(errPlain); got != 0 {
		t.Errorf("RetryAfter of a plain error = %v, want 0", got)
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{nil: 0, errPlain: 1, breach{}: 4} {
		if got := failure.ExitCode(err); got != want {
			t.Errorf("ExitCode(%v) = %d, want %d", err, got, want)
		}
	}
	if got := failure.ExitCode(fmt.Errorf("run: %w", failure.Wrap(failure.Data, breach{}))); got != 4 {
		t.Errorf("ExitCode through wrapping = %d, want 4", got)
	}
}

func TestParseInvertsString(t *testing.T) {
	t.Parallel()
	for _, c := range []failure.Class{failure.Bug, failure.Data, failure.Transient, failure.Throttled} {
		if got, ok := failure.Parse(c.String()); !ok || got != c {
			t.Errorf("Parse(%q) = %v, %v", c, got, ok)
		}
		if c.Retryable() != (c == failure.Transient || c == failure.Throttled) {
			t.Errorf("%v.Retryable() = %v", c, c.Retryable())
		}
	}
	if _, ok := failure.Parse("other"); ok {
		t.Error("Parse accepts an unknown name")
	}
}
