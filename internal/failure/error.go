// Errors with a class: those of Wrap and Throttle, and any error type with the same methods.

package failure

import (
	"errors"
	"time"
)

// Classified is implemented by errors with a class. The outermost one in a chain decides.
type Classified interface {
	error
	Class() Class
}

// Exiting is implemented by errors with a specific exit code, such as control totals that do not balance.
type Exiting interface {
	error
	ExitCode() int
}

// retryAfterError is implemented by errors that know when to retry.
type retryAfterError interface {
	error
	RetryAfter() time.Duration
}

type classified struct {
	error
	class Class
	after time.Duration
}

func (c *classified) Unwrap() error             { return c.error }
func (c *classified) Class() Class              { return c.class }
func (c *classified) RetryAfter() time.Duration { return c.after }

// Wrap returns err with a class and the same text; it returns nil for nil.
func Wrap(class Class, err error) error {
	if err == nil {
		return nil
	}
	return &classified{error: err, class: class}
}

// Throttle returns err with class Throttled. It should not be retried before after has passed (0: unknown). It returns nil for nil.
func Throttle(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &classified{error: err, class: Throttled, after: after}
}

// RetryAfter returns how long to wait before a retry, or 0 if the error does not know.
func RetryAfter(err error) time.Duration {
	var w retryAfterError
	if errors.As(err, &w) {
		return w.RetryAfter()
	}
	return 0
}

// ExitCode returns the exit code of a command that ends with err: 0 for nil, that of an Exiting error in the
// chain, else 1.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	var e Exiting
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return 1
}
