// Errors of activities as parts of a workflow's result.

package temporal

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"bursar/internal/failure"
)

// Failure is the error of an activity in the result of a workflow that goes on in spite of it: no more of it than a history may contain.
type Failure struct {
	Class    string `json:"class"`
	Message  string `json:"message"`
	ExitCode int    `json:"exit_code,omitempty"`
	FullText string `json:"whole,omitempty"` // reference of the full text, if the message leaves something out
}

// NewFailure returns the failure that an activity ended with. It is for workflow code: the same history gives the same failure.
func NewFailure(err error) Failure {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return *newFailure(application)
	}
	received := FromTemporal(err)
	return Failure{Class: failure.Of(received).String(), Message: shorten(received.Error())}
}

func newFailure(application *temporal.ApplicationError) *Failure {
	class, _ := failure.Parse(application.Type())
	f := &Failure{Class: class.String(), Message: application.Message()}
	var d details
	if application.HasDetails() && application.Details(&d) == nil {
		f.ExitCode, f.FullText = d.ExitCode, d.FullText
	}
	return f
}

// Err reverses NewFailure: it returns an error with the text, class and exit code of the activity's. The text is complete in the process
// in which the error occurred, and has no values elsewhere.
func (f *Failure) Err() error { return f.received(errors.New(f.Message)) }

func (f *Failure) received(cause error) error {
	class, _ := failure.Parse(f.Class)
	text := f.Message
	if full, known := fullTexts.Get(f.FullText).(string); known {
		text = full
	}
	return &receivedError{error: cause, text: text, class: class, code: max(f.ExitCode, 1)}
}
