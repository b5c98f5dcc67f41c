// The JSON errors of the API.

package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"bursar/internal/event/feed"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/query"
)

// problem is the body of every response that is not a success.
type problem struct {
	Error problemDetail `json:"error"`
}

type problemDetail struct {
	Class   string `json:"class"` // of internal/failure; "request" when the request itself is refused
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// refusal is an error in the request itself, or a limit of the server that the request exceeds.
type refusal struct {
	status     int
	message    string
	hint       string
	retryAfter time.Duration // when to try again; 0 means never
}

func refuse(status int, message, hint string) *refusal {
	return &refusal{status: status, message: message, hint: hint}
}

func (r *refusal) Error() string { return r.message }

// Class is Throttled if the request may be sent again later. Otherwise it is Data: the same request is refused again.
func (r *refusal) Class() failure.Class {
	if r.retryAfter > 0 {
		return failure.Throttled
	}
	return failure.Data
}

// defaultRetryAfter is the Retry-After of refusals without a specific delay.
const defaultRetryAfter = time.Second

// writeProblem sends an error. Its status and Retry-After follow from its class.
func writeProblem(w *responseRecorder, r *http.Request, err error) {
	status, p := describe(err)
	// The client has disconnected, or the server is stopping.
	cancelled := r.Context().Err() != nil && (errors.Is(err, context.Canceled) || failure.Of(err) == failure.Transient)
	if cancelled && status != http.StatusRequestTimeout {
		status, p.Error = http.StatusServiceUnavailable, problemDetail{Class: failure.Transient.String(), Message: "the request was cancelled: `bursar up` is stopping"}
	}
	if after := retryAfterOf(err, status); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	w.isError = true
	writeJSON(w, status, p)
}

// ConflictError is an error because of the state that the project is in: status 409.
type ConflictError struct{ Err error }

func (e *ConflictError) Error() string { return e.Err.Error() }

// Unwrap returns the error that names the state.
func (e *ConflictError) Unwrap() error { return e.Err }

func describe(err error) (status int, p problem) {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.status, problem{problemDetail{"request", refused.message, refused.hint}}
	}
	class := failure.Of(err)
	switch {
	case !failure.IsOfServer(err):
	case object.IsDamage(err):
		p.Error = problemDetail{
			Class: failure.Data.String(), Message: "an object that the answer needs is missing or damaged",
			Hint: "the log of `bursar up` names it, and `bursar verify` checks all",
		}
		return http.StatusInternalServerError, p
	default:
		return describeServer(class)
	}
	p.Error = problemDetail{Class: class.String(), Message: err.Error()}
	var unknown *reconcile.NotFoundError
	switch {
	case errors.As(err, &unknown):
		return http.StatusNotFound, p
	case errors.As(err, new(*query.UnpublishedError)), errors.As(err, new(*ConflictError)):
		return http.StatusConflict, p
	case errors.As(err, new(*feed.GoneError)):
		return http.StatusGone, p
	case class == failure.Data:
		return http.StatusBadRequest, p
	case class == failure.Throttled:
		return http.StatusTooManyRequests, p
	case class == failure.Transient:
		return http.StatusServiceUnavailable, p
	}
	p.Error.Message = "internal error; see the log of `bursar up`"
	return http.StatusInternalServerError, p
}

// describeServer is describe for an error of the database or the object store, whose text is for the log. For the client it passes, whatever its
// class: nothing is wrong with the request.
func describeServer(class failure.Class) (status int, p problem) {
	status, p.Error = http.StatusServiceUnavailable, problemDetail{
		Class: failure.Transient.String(), Message: "the project's database or object store cannot be used: send the request again",
		Hint: "the log of `bursar up` has the reason",
	}
	if class == failure.Throttled {
		status, p.Error.Class = http.StatusTooManyRequests, class.String()
	}
	return status, p
}

func retryAfterOf(err error, status int) time.Duration {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.retryAfter
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		return cmp.Or(failure.RetryAfter(err), defaultRetryAfter)
	}
	return 0
}

// writeJSON sends one JSON value. A failed write means that the client has disconnected, and is ignored.
func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // all values passed here can be marshalled
	}
	writeText(w, status, append(text, '\n'))
}

// writeText sends text that is JSON already.
func writeText(w http.ResponseWriter, status int, text []byte) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
