// The error of a load with too many rejected rows.

package load

import (
	"fmt"
	"strings"

	"bursar/internal/failure"
)

// TooManyError says that more rows are rejected than the load allows, so that nothing was loaded.
type TooManyError struct {
	Rejected int64
	Rows     int64 // of all objects; 0: reading ended before
	Rejects  []Reject
	allowed  string
}

// maxExplained bounds the rejected rows in the error's text.
const maxExplained = 3

func (e *TooManyError) Error() string {
	var b strings.Builder
	if e.Rows > 0 {
		fmt.Fprintf(&b, "%d of %d rows are rejected", e.Rejected, e.Rows)
	} else {
		fmt.Fprintf(&b, "%d rows or more are rejected", e.Rejected)
	}
	fmt.Fprintf(&b, ", and %s; nothing was loaded", e.allowed)
	for _, r := range e.Rejects[:min(len(e.Rejects), maxExplained)] {
		fmt.Fprintf(&b, "; object %s: line %d: ", r.Object, r.Line)
		if r.Column != "" {
			fmt.Fprintf(&b, "column %s: ", r.Column)
		}
		b.WriteString(r.Reason)
	}
	return b.String()
}

// Class is Data: the same objects are rejected again.
func (e *TooManyError) Class() failure.Class { return failure.Data }

// checkErrors fails if too many rows of a load are rejected.
func (r *run) checkErrors(s *sums, first []Reject) error {
	if r.declared.MaxErrors.Exceeded(s.Rejected, s.Rows+s.Rejected) {
		return r.tooMany(first, s.Rejected, s.Rows+s.Rejected)
	}
	return nil
}

func (r *run) tooMany(first []Reject, rejected, rows int64) error {
	allowed := "max_errors allows none"
	if r.declared.Lines()["max_errors"] > 0 {
		allowed = "max_errors in " + r.at("max_errors") + " allows fewer"
	}
	r.result.Rejected, r.result.Rejects = rejected, first
	return &TooManyError{rejected, rows, first, allowed}
}
