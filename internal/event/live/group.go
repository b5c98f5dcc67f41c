// Groups of requests, as the source of the rows of a batch.

package live

import (
	"bursar/internal/event/intake"
	"bursar/internal/event/live/answers"
)

// requestGroup is requests that are checked and made durable together, so that they are answered together.
type requestGroup struct {
	requests []*pendingRequest
	offset   int64 // where they begin in the spool
}

// requestOf returns the request that a row came in.
func (g requestGroup) requestOf(row int64) *pendingRequest {
	low, high := 0, len(g.requests)
	for high-low > 1 {
		if mid := (low + high) / 2; g.requests[mid].firstLine <= row {
			low = mid
		} else {
			high = mid
		}
	}
	return g.requests[low]
}

// RowSource returns the request and line of a row.
func (g requestGroup) RowSource(row int64) intake.RowSource {
	p := g.requestOf(row)
	return intake.RowSource{Digest: p.digest, Line: row - p.firstLine + 1}
}

// Decide counts a row in the answer to its request, and lists it there if it is in quarantine.
func (g requestGroup) Decide(row int64, v intake.Verdict) {
	p := g.requestOf(row)
	p.answer.Rows++
	switch v.Outcome {
	case intake.Accepted:
		p.answer.Accepted++
	case intake.Duplicate:
		p.answer.Duplicates++
	case intake.Quarantined:
		p.answer.Quarantined++
		if len(p.answer.Rejected) < answers.MaxRejectedRows {
			p.answer.Rejected = append(p.answer.Rejected, answers.RejectedRow{Row: row - p.firstLine + 1, Column: v.Column, Reason: v.Reason})
		}
	}
}

// Done completes the checks of the requests.
func (g requestGroup) Done() {
	for _, p := range g.requests {
		p.completeStep()
	}
}
