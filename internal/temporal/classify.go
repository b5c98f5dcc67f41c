// Error classes on their way through Temporal: into histories as the type of a failure, and back out.

package temporal

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"bursar/internal/failure"
)

const (
	// longestMessage bounds the text of an error in a history, in bytes: histories hold references, not data (rule 7).
	longestMessage = 2000
	// panicType is what the client library names the failure of an activity that panicked.
	panicType = "PanicError"
	// unhurried is the wait after a refusal that did not say how long.
	unhurried = 15 * time.Second
)

// details is what a failure carries in a history besides its type and message.
type details struct {
	ExitCode int    `json:"exit_code"`
	Whole    string `json:"whole,omitempty"` // the reference of its whole text, where the message leaves something out
}

// RetryPolicy is the policy of every activity. Data and bug are never retried. Transient errors are, up to four times
// within about eight seconds: what lasts longer is told to whoever waits, and the next start resumes. Throttled ones
// wait as long as they were asked to, by ActivityError.
func RetryPolicy() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:        200 * time.Millisecond,
		BackoffCoefficient:     3,
		MaximumInterval:        10 * time.Second,
		MaximumAttempts:        5,
		NonRetryableErrorTypes: []string{failure.Data.String(), failure.Bug.String(), panicType},
	}
}

// ActivityError turns the error of a step into what an activity returns: its class as the type, a short text without values of
// events (rule 7), and its exit code. Cancellation passes as such, since Temporal knows it.
func ActivityError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled // alone: what it is wrapped in would go into the history
	}
	class := failure.Of(err)
	whole, plain := shorten(err.Error()), shorten(plainText(err))
	d := details{ExitCode: failure.ExitCode(err)}
	if whole != plain {
		d.Whole = wholeTexts.keep(whole)
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: !class.Retryable(), Details: []any{d}}
	if class == failure.Throttled {
		options.NextRetryDelay = unhurried
		if after := failure.RetryAfter(err); after > 0 {
			options.NextRetryDelay = after
		}
	}
	return temporal.NewApplicationErrorWithOptions(plain, class.String(), options)
}

func shorten(text string) string {
	if len(text) <= longestMessage {
		return text
	}
	return strings.ToValidUTF8(text[:longestMessage], "") + " …"
}

// received is an error that came back out of Temporal.
type received struct {
	error
	text  string
	class failure.Class
	code  int
}

func (r *received) Error() string        { return r.text }
func (r *received) Unwrap() error        { return r.error }
func (r *received) Class() failure.Class { return r.class }
func (r *received) ExitCode() int        { return r.code }

// Received is the way back from ActivityError: it turns what the waiter of a workflow gets into an error with the
// step's own text, class and exit code, so that nobody above needs to know Temporal. The text is whole in the process that
// met the error, and without values elsewhere.
func Received(err error) error {
	var application *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	var terminated *temporal.TerminatedError
	var canceled *temporal.CanceledError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &application):
		return fromApplication(err, application)
	case errors.As(err, &timeout):
		return &received{error: err, text: timeout.Error(), class: failure.Transient, code: 1}
	case errors.As(err, &terminated):
		return &received{error: err, text: "taken over by a later start", class: failure.Transient, code: 1}
	case errors.As(err, &canceled):
		return failure.Wrap(failure.Transient, context.Canceled)
	}
	return fromService(err)
}

// endedUpdate is what the server calls the failure of an update whose workflow ended before it was answered.
const endedUpdate = "AcceptedUpdateCompletedWorkflow"

// WasEnded is true of what the waiter of a workflow, or of an update, gets when somebody else has ended the workflow.
func WasEnded(err error) bool {
	var terminated *temporal.TerminatedError
	var canceled *temporal.CanceledError
	var gone *serviceerror.NotFound
	var application *temporal.ApplicationError
	return errors.As(err, &terminated) || errors.As(err, &canceled) || errors.As(err, &gone) ||
		errors.As(err, &application) && application.Type() == endedUpdate
}

// HasEnded is true of what the waiter of a workflow gets once that has ended; after other errors nobody knows.
func HasEnded(err error) bool {
	var ended *temporal.WorkflowExecutionError
	var gone *serviceerror.NotFound
	return err == nil || errors.As(err, &ended) || errors.As(err, &gone)
}

func fromApplication(err error, application *temporal.ApplicationError) error {
	class, _ := failure.Parse(application.Type())
	text, code := application.Message(), 1
	var d details
	if application.HasDetails() && application.Details(&d) == nil && d.ExitCode > 0 {
		code = d.ExitCode
		if whole, known := wholeTexts.find(d.Whole); known {
			text = whole
		}
	}
	return &received{error: err, text: text, class: class, code: code}
}

// fromService classifies the errors of the server itself.
func fromService(err error) error {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var exhausted *serviceerror.ResourceExhausted
	switch {
	case errors.As(err, &unavailable), errors.As(err, &late):
		return failure.Wrap(failure.Transient, err)
	case errors.As(err, &exhausted):
		return failure.Throttle(0, err)
	}
	return err
}
