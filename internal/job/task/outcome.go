// Outcomes of attempts that failed: their class, and an error of one line.

package task

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"

	"bursar/internal/failure"
)

// maxError is the most bytes of an error.
const maxError = 1000

// failed returns the outcome of an attempt in which something failed. If the context has ended, that is the reason, unless err is about the data.
func (a *attempt) failed(ctx context.Context, what string, err error) Outcome {
	class, after, isComplete := failure.Of(err), failure.RetryAfter(err), errors.As(err, new(complete))
	if ctx.Err() != nil && class != failure.Data {
		err, class, isComplete = context.Cause(ctx), failure.Transient, false
		if errors.Is(err, context.Canceled) {
			err = errors.New("it was stopped before it ended")
		}
	}
	message := err.Error()
	if !isComplete {
		message = what + ": " + message
	}
	return Outcome{State: Failed, Class: class, Error: line(redact(message, a.secrets)), RetryAfter: after}
}

// complete is an error that says by itself what failed.
type complete struct{ error }

func (c complete) Unwrap() error { return c.error }

// unknown is failed for what may have had its effect.
func (a *attempt) unknown(ctx context.Context, what string, err error) Outcome {
	o := a.failed(ctx, what, err)
	o.Uncertain = true
	return o
}

// badf is an error that the same attempt causes again.
func badf(format string, arguments ...any) error {
	return failure.Wrap(failure.Data, fmt.Errorf(format, arguments...))
}

// passingf is an error that may pass.
func passingf(format string, arguments ...any) error {
	return failure.Wrap(failure.Transient, fmt.Errorf(format, arguments...))
}

// notBegun reports whether an error says that a server was not reached at all, so that nothing has been done.
func notBegun(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}

// line makes a text one line of at most maxError bytes of valid UTF-8.
func line(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }), " ")
	if len(text) <= maxError {
		return text
	}
	const more = "…"
	end := maxError - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
