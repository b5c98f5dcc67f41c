// Conversion of errors to and from Temporal, which keeps them in histories: the class as the type of a failure, and the whole text by a
// reference, since histories have only a redacted one (rule 7).

package temporal

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/server/common/cache"

	"bursar/internal/failure"
)

const (
	// maxMessageBytes bounds the text of an error in a history, in bytes: histories hold references, not data (rule 7).
	maxMessageBytes = 2000
	// panicType is the client library's failure type for an activity that panicked.
	panicType = "PanicError"
	// defaultThrottleDelay is the delay after a refusal without a RetryAfter.
	defaultThrottleDelay = 15 * time.Second
)

// details is the part of a failure in a history besides its type and message.
type details struct {
	ExitCode int    `json:"exit_code"`
	Declined bool   `json:"declined,omitempty"` // by a process that cannot do the work; another one may
	FullText string `json:"whole,omitempty"`    // reference of the full text, if the message leaves something out
}

// RetryPolicy is the policy of every activity. Data and Bug are never retried. Transient errors are retried up to four times
// within about eight seconds; longer ones are returned to the caller, and the next start resumes. Throttled errors wait as long
// as ActivityError says.
func RetryPolicy() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:        200 * time.Millisecond,
		BackoffCoefficient:     3,
		MaximumInterval:        10 * time.Second,
		MaximumAttempts:        5,
		NonRetryableErrorTypes: []string{failure.Data.String(), failure.Bug.String(), panicType},
	}
}

// declinedError is implemented by the errors of a process that cannot do some work which another process may be able to do. Class Transient.
type declinedError interface {
	error
	DeclinedByProcess()
}

// declinedDelay is how long to wait before another process may do what one has declined.
const declinedDelay = 300 * time.Millisecond

// IsDeclined reports whether an error is that of a process which cannot do what another one may.
func IsDeclined(err error) bool { return errors.As(err, new(declinedError)) }

// WasDeclined reports whether the error of an activity means that the processes which were asked cannot do the work.
func WasDeclined(err error) bool {
	var application *temporal.ApplicationError
	var d details
	return errors.As(err, &application) && application.HasDetails() && application.Details(&d) == nil && d.Declined
}

// MayPass reports whether the error of an activity may pass by itself. What all processes have declined does not.
func MayPass(err error) bool { return !WasDeclined(err) && failure.Of(FromTemporal(err)).Retryable() }

// ActivityError converts the error of a step into the one that an activity returns, with its class as type, a short text without
// values of events (rule 7), and its exit code. Cancellation is returned as it is, because Temporal handles it.
func ActivityError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled // without its wrapping, whose text would go into the history
	}
	class := failure.Of(err)
	full, plain := shorten(err.Error()), shorten(plainText(err))
	d := details{ExitCode: failure.ExitCode(err), Declined: IsDeclined(err)}
	if full != plain {
		d.FullText = rand.Text()
		fullTexts.Put(d.FullText, full)
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: !class.Retryable(), Details: []any{d}}
	switch {
	case class == failure.Throttled:
		options.NextRetryDelay = cmp.Or(failure.RetryAfter(err), defaultThrottleDelay)
	case d.Declined:
		options.NextRetryDelay = declinedDelay
	case class == failure.Transient:
		options.NextRetryDelay = failure.RetryAfter(err) // 0: as the retry policy of the activity says
	}
	return temporal.NewApplicationErrorWithOptions(plain, class.String(), options)
}

func shorten(text string) string {
	if len(text) <= maxMessageBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessageBytes], "") + " …"
}

type receivedError struct {
	error
	text  string
	class failure.Class
	code  int
}

func (r *receivedError) Error() string        { return r.text }
func (r *receivedError) Unwrap() error        { return r.error }
func (r *receivedError) Class() failure.Class { return r.class }
func (r *receivedError) ExitCode() int        { return r.code }

// FromTemporal reverses ActivityError: it converts the error of waiting for a workflow into one with the text, class and exit
// code of the step, so that callers need not know Temporal. The text is complete in the process in which the error occurred,
// and has no values elsewhere.
func FromTemporal(err error) error {
	var application *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	var terminated *temporal.TerminatedError
	var canceled *temporal.CanceledError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &application):
		return newFailure(application).received(err)
	case errors.As(err, &timeout):
		return &receivedError{error: err, text: timeout.Error(), class: failure.Transient, code: 1}
	case errors.As(err, &terminated):
		return &receivedError{error: err, text: "taken over by a later start", class: failure.Transient, code: 1}
	case errors.As(err, &canceled):
		return failure.Wrap(failure.Transient, context.Canceled)
	}
	return fromService(err)
}

// endedUpdate is the server's failure type for an update whose workflow ended before the update completed.
const endedUpdate = "AcceptedUpdateCompletedWorkflow"

// WasTerminated reports whether an error of waiting for a workflow or an update means that somebody else ended the workflow.
func WasTerminated(err error) bool {
	var terminated *temporal.TerminatedError
	var canceled *temporal.CanceledError
	var notFound *serviceerror.NotFound
	var application *temporal.ApplicationError
	return errors.As(err, &terminated) || errors.As(err, &canceled) || errors.As(err, &notFound) ||
		errors.As(err, &application) && application.Type() == endedUpdate
}

// TimedOut reports whether an error of waiting for an activity means that no worker has started it, or that its heartbeats are missing.
func TimedOut(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout)
}

// IsOutage reports whether an error of starting or waiting for a workflow or an update means that the server could not be reached for
// longer than the client library waits, which is a minute. What was started continues when it is back.
func IsOutage(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var update *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.As(err, &update) || errors.Is(err, context.DeadlineExceeded)
}

// HasEnded reports whether the result of waiting for a workflow means that it has ended. After other errors this is unknown.
func HasEnded(err error) bool {
	var ended *temporal.WorkflowExecutionError
	var notFound *serviceerror.NotFound
	return err == nil || errors.As(err, &ended) || errors.As(err, &notFound)
}

func fromService(err error) error {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var exhausted *serviceerror.ResourceExhausted
	var denied *serviceerror.PermissionDenied
	var missing *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &unavailable), errors.As(err, &late):
		return failure.Wrap(failure.Transient, err)
	case errors.As(err, &exhausted):
		return failure.Throttle(0, err)
	case errors.As(err, &denied), errors.As(err, &missing):
		return failure.Wrap(failure.Data, err)
	}
	return err
}

// maxTexts is how many texts are kept; older ones are dropped.
const maxTexts = 256

// fullTexts are texts by the reference that is in the history.
var fullTexts = cache.New(maxTexts, nil)
