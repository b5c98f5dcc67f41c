// Conversion of errors to and from Temporal, which keeps them in histories: the class as the type of a failure, and a text from which values of
// events are removed (rule 7).

package temporal

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode"

	"go.temporal.io/api/serviceerror"
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
	FullText string `json:"whole,omitempty"` // reference of the full text, if the message leaves something out
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
	d := details{ExitCode: failure.ExitCode(err)}
	if full != plain {
		d.FullText = rand.Text()
		fullTexts.Put(d.FullText, full)
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: !class.Retryable(), Details: []any{d}}
	if class == failure.Throttled {
		options.NextRetryDelay = cmp.Or(failure.RetryAfter(err), defaultThrottleDelay)
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
		return fromApplication(err, application)
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

// HasEnded reports whether the result of waiting for a workflow means that it has ended. After other errors this is unknown.
func HasEnded(err error) bool {
	var ended *temporal.WorkflowExecutionError
	var notFound *serviceerror.NotFound
	return err == nil || errors.As(err, &ended) || errors.As(err, &notFound)
}

func fromApplication(err error, application *temporal.ApplicationError) error {
	class, _ := failure.Parse(application.Type())
	text, code := application.Message(), 1
	var d details
	if application.HasDetails() && application.Details(&d) == nil && d.ExitCode > 0 {
		code = d.ExitCode
		if full, known := fullTexts.Get(d.FullText).(string); known {
			text = full
		}
	}
	return &receivedError{error: err, text: text, class: class, code: code}
}

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

// ellipsis replaces the removed parts of a text.
const ellipsis = "…"

var (
	// quotedName matches a declared name in quotes, which is not a value.
	quotedName = regexp.MustCompile(`\b(column|stream|pipeline|total|step|partition|function|artifact column|key column) ["']([a-z][a-z0-9_]*)["']`)
	// numberedWord matches a word after which a number is a reference.
	numberedWord = regexp.MustCompile(`^(row|rows|line|run|runs|batch|batches|part|partition|partitions|generation|byte|bytes|step|page|attempt|process|port)$`)
	// sqlType matches the name of a type.
	sqlType = regexp.MustCompile(`(?i)^"?(u?(tiny|small|big|huge)?int(eger)?(8|16|32|64|128)?|(decimal|numeric)(\([0-9]+,[0-9]+\))?)[.,:;!)"]*$`)
	// path matches an absolute path, or a file with an extension that Bursar reads or writes.
	path = regexp.MustCompile(`^(/[\w.@=+-]+)+/?[:,;]?$|^[\w./@=+-]+\.(jsonl|json|csv|parquet|xml|sta|mt940|ofx|qfx|zip|gz|zst|sql|yaml|db|sst)[:,;]?$`)
	// reference matches a number.
	reference = regexp.MustCompile(`^[0-9]+[:,;.)]*$`)
	// spacedType matches a type with a space between its numbers.
	spacedType = regexp.MustCompile(`(?i)\b(decimal|numeric)\(([0-9]+), ([0-9]+)\)`)
)

// plainer is implemented by errors that know which part of their text has no values.
type plainer interface{ PlainText() string }

// plainText returns an error's text without values. It removes quoted text except declared names, and words with digits except
// references, types and paths.
func plainText(err error) string {
	text := err.Error()
	var known plainer
	if errors.As(err, &known) {
		if e, ok := known.(error); ok {
			text = strings.ReplaceAll(text, e.Error(), known.PlainText())
		}
	}
	text = spacedType.ReplaceAllString(quotedName.ReplaceAllString(text, "$1 $2"), "$1($2,$3)")
	for _, quote := range []rune{'"', '\'', '`', '“', '«'} {
		text = withoutQuoted(text, quote)
	}
	return withoutNumbers(text)
}

// withoutQuoted removes the text from the first quote to the last, because quoted text may contain quotes. If there is only one
// quote, or the last one opens a quotation, it removes the text to the end.
func withoutQuoted(text string, quote rune) string {
	first, last := -1, -1
	runes := []rune(text)
	for i, r := range runes {
		if r != quote && (quote != '“' || r != '”') && (quote != '«' || r != '»') {
			continue
		}
		if quote == '\'' && i > 0 && i+1 < len(runes) && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1]) && first < 0 {
			continue // can't
		}
		if first < 0 {
			first = i
		}
		last = i
	}
	switch {
	case first < 0:
		return text
	case first == last, last+1 < len(runes) && (unicode.IsLetter(runes[last+1]) || unicode.IsDigit(runes[last+1])):
		return string(runes[:first]) + ellipsis
	}
	return string(runes[:first]) + ellipsis + string(runes[last+1:])
}

// withoutNumbers removes the words that may be numbers, codes or dates.
func withoutNumbers(text string) string {
	var kept []string
	before := ""
	for _, word := range strings.Fields(text) {
		switch {
		case !strings.ContainsFunc(word, unicode.IsDigit), sqlType.MatchString(word), path.MatchString(word),
			reference.MatchString(word) && numberedWord.MatchString(before):
			kept = append(kept, word)
		case len(kept) == 0 || kept[len(kept)-1] != ellipsis:
			kept = append(kept, ellipsis)
		}
		before = strings.ToLower(strings.Trim(word, "(:,"))
	}
	return strings.Join(kept, " ")
}

// maxTexts is how many texts are kept; older ones are dropped.
const maxTexts = 256

// fullTexts are texts by the reference that is in the history.
var fullTexts = cache.New(maxTexts, nil)
