// Errors that carry their class: made here by Wrap and Throttle, or by any error type with the same methods.

package failure

import (
	"errors"
	"time"
)

// Classified is implemented by errors that know their class. The outermost one in a chain decides.
type Classified interface {
	error
	Class() Class
}

// Exiting is implemented by errors that ask for an exit code of their own, such as a breach of control totals.
type Exiting interface {
	error
	ExitCode() int
}

// waiting is implemented by errors that know when to try again.
type waiting interface {
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

// Wrap gives err a class and leaves its text alone; nil stays nil.
func Wrap(class Class, err error) error {
	if err == nil {
		return nil
	}
	return &classified{error: err, class: class}
}

// Throttle marks err as Throttled, not to be tried again before after has passed (0: not said); nil stays nil.
func Throttle(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &classified{error: err, class: Throttled, after: after}
}

// RetryAfter returns how long the refusing side asked to wait, or 0 when it did not say.
func RetryAfter(err error) time.Duration {
	var w waiting
	if errors.As(err, &w) {
		return w.RetryAfter()
	}
	return 0
}

// ExitCode returns the exit code of a command that ends with err: 0 for nil, what an Exiting error in the chain asks
// for, else 1.
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
