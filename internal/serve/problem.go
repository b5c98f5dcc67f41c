// Errors as the API tells them.

package serve

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"bursar/internal/failure"
	"bursar/internal/reconcile"
)

// problem is the body of every answer that is no success.
type problem struct {
	Error problemDetail `json:"error"`
}

type problemDetail struct {
	Class   string `json:"class"` // of internal/failure; "request" when the request itself is refused
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// refusal is an error in the request itself.
type refusal struct {
	status     int
	message    string
	hint       string
	retryAfter time.Duration // when to try again; 0 is never
}

func refuse(status int, message, hint string) *refusal {
	return &refusal{status: status, message: message, hint: hint}
}

func (r *refusal) Error() string { return r.message }

// Class is Data: the same request is refused again. A refusal that tells when to come back is Throttled.
func (r *refusal) Class() failure.Class {
	if r.retryAfter > 0 {
		return failure.Throttled
	}
	return failure.Data
}

func isRefusal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// defaultRetryAfter is what a client is told to wait that was told no other time.
const defaultRetryAfter = time.Second

// writeProblem answers with an error: its status and Retry-After follow from its class.
func writeProblem(w *responseRecorder, r *http.Request, err error) {
	status, p := describe(err)
	if isCancelled(r, err) && status != http.StatusRequestTimeout {
		status, p.Error = http.StatusServiceUnavailable, problemDetail{Class: failure.Transient.String(), Message: "the request was given up: `bursar up` stops"}
	}
	if after := retryAfterOf(err, status); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	w.isError = true
	writeJSON(w, status, p)
}

func describe(err error) (status int, p problem) {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.status, problem{problemDetail{"request", refused.message, refused.hint}}
	}
	class := failure.Of(err)
	p.Error = problemDetail{Class: class.String(), Message: err.Error()}
	var unknown *reconcile.NotFoundError
	switch {
	case errors.As(err, &unknown):
		return http.StatusNotFound, p
	case errors.As(err, new(*reconcile.UnpublishedError)):
		return http.StatusConflict, p
	case class == failure.Data:
		return http.StatusBadRequest, p
	case class == failure.Throttled:
		return http.StatusTooManyRequests, p
	case class == failure.Transient:
		return http.StatusServiceUnavailable, p
	}
	p.Error.Message = "an error that should not be possible; the log of `bursar up` tells more"
	return http.StatusInternalServerError, p
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

// writeJSON answers with one JSON value. A client that is gone hears nothing, and that is all.
func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // only values of this package's own types come here
	}
	writeText(w, status, append(text, '\n'))
}

// writeText answers with JSON that is made already.
func writeText(w http.ResponseWriter, status int, text []byte) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
