// Package failure classifies errors by what may be done about them: four classes, and the exit code of a command. It owns the
// only classifier; every retry policy and exit code follows from it. Every package may import it. It must not know what the
// errors are about.
package failure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Class is what may be done about an error.
type Class uint8

// The classes. The zero value is Bug: an error that nobody has declared safe to retry stops the work, and is noticed.
const (
	// Bug is an error that should be impossible: stop and alert.
	Bug Class = iota
	// Data is an error that the same input causes again: quarantine it or stop, never retry.
	Data
	// Transient is an error that may pass soon: retry quickly, with exponential delays.
	Transient
	// Throttled is a refusal because of too many requests: retry slowly and honour RetryAfter.
	Throttled
)

var names = [...]string{Bug: "bug", Data: "data", Transient: "transient", Throttled: "throttled"}

// String returns the name of the class in histories and logs.
func (c Class) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("class(%d)", c)
}

// Retryable reports whether an unchanged retry can succeed.
func (c Class) Retryable() bool { return c == Transient || c == Throttled }

// Parse returns the class with the given name, and whether there is one.
func Parse(name string) (Class, bool) {
	for i, n := range names {
		if n == name {
			return Class(i), true
		}
	}
	return Bug, false
}

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

// UnbalancedExit is the exit code of control totals that do not balance (DESIGN §7).
const UnbalancedExit = 4

// Unbalanced is embedded by errors about totals or counts that do not balance (rule 4).
type Unbalanced struct{}

// Class is Data: the same input does not balance again.
func (Unbalanced) Class() Class { return Data }

// ExitCode is UnbalancedExit.
func (Unbalanced) ExitCode() int { return UnbalancedExit }

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

// Delay returns err with its class and the same text. It should not be retried before after has passed. It returns nil for nil.
func Delay(after time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &classified{error: err, class: Of(err), after: after}
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

// transientErrnos are the system's errors that pass, or that a person can remove by freeing space.
var transientErrnos = []error{
	syscall.EAGAIN, syscall.EINTR, syscall.EBUSY, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EPIPE,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ETIMEDOUT,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH,
}

// dataErrnos are the system's errors about paths and file systems that neither waiting nor other code corrects.
var dataErrnos = []error{syscall.EROFS, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.ENOTDIR}

// Of returns the class of err: the one that the error declares, if it does. Otherwise deadlines, cancellation, network errors and
// a full disk are Transient. A file that is missing or not accessible is Data, because neither waiting nor other code helps. All
// other errors are Bug: a package that wants its errors retried must declare their class, since only it knows whether a retry
// is useful.
func Of(err error) Class {
	var c Classified
	switch {
	case errors.As(err, &c):
		return c.Class()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Transient
	case isAny(err, transientErrnos), isNetworkError(err):
		return Transient
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), isAny(err, dataErrnos):
		return Data
	}
	return Bug
}

// isNetworkError checks for concrete types, because every errno of a system call implements net.Error.
func isNetworkError(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) || errors.As(err, &dns)
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// serverError is implemented by errors of servers that a project uses, such as its database.
type serverError interface {
	error
	IsOfServer() bool
}

// IsOfServer reports whether err comes from a server that the project uses. Its text may name hosts, users and buckets, which those who send
// requests to Bursar must not learn.
func IsOfServer(err error) bool {
	var s serverError
	return errors.As(err, &s) && s.IsOfServer()
}

// Backoff is how long to wait before each retry of what keeps failing: Least at first, then twice as long each time, up to Most.
type Backoff struct{ Least, Most time.Duration }

// After returns the wait after so many failures in a row.
func (b Backoff) After(failures int) time.Duration {
	return min(b.Least<<min(max(failures-1, 0), 16), b.Most)
}

// ErrStop ends a walk: the function that is called for each item returns it when it needs no more of them. It is no failure, so
// whoever started the walk removes it with UnlessStopped.
var ErrStop = errors.New("stop the walk")

// UnlessStopped returns the error of a walk, or nil if it ended early with ErrStop.
func UnlessStopped(err error) error {
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}
