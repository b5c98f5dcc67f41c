// Requests of live intake: their queue, and the groups that are the source of a batch's rows.

package live

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"bursar/internal/event/intake"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Request is one delivery of events to live intake. Its body is JSON lines, not compressed, and must not be changed, since it may be read after
// Accept returns.
type Request = spool.Request

// pendingRequest is a request that waits for its answer. It is answered when its rows are checked and its body is durable, in either order.
type pendingRequest struct {
	key        string
	digest     string // SHA-256 of the body, where the key or the identity of rows needs it
	body       []byte // nil once it belongs to a segment
	size       int64
	recoveries uint64 // number of spool recoveries when the key was looked up
	firstLine  int64  // the line of the batch's file at which the body starts
	answer     answers.Answer

	stepsLeft atomic.Int32 // until the answer: rows checked, body durable
	once      sync.Once
	err       error
	done      chan struct{}         // closed once answer or err is final
	onDone    func(*pendingRequest) // called before done is closed; may be nil
}

func newPendingRequest(s *project.Stream, r Request) *pendingRequest {
	a := &pendingRequest{key: r.Key, body: r.Body, size: int64(len(r.Body)), done: make(chan struct{})}
	a.answer = answers.Answer{Stream: s.Name, Rejected: []answers.RejectedRow{}}
	if r.Key != "" || s.ID[0] == project.RowID {
		sum := sha256.Sum256(r.Body)
		a.digest = hex.EncodeToString(sum[:])
	}
	a.stepsLeft.Store(2)
	return a
}

// completeStep completes one of the two steps to an answer.
func (p *pendingRequest) completeStep() {
	if p.stepsLeft.Add(-1) == 0 {
		p.finish(nil)
	}
}

func (p *pendingRequest) finish(err error) {
	p.once.Do(func() {
		p.err = err
		if p.onDone != nil {
			p.onDone(p)
		}
		close(p.done)
	})
}

func (p *pendingRequest) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// requestGroup is requests that are checked and made durable together, so that they are answered together.
type requestGroup struct {
	requests []*pendingRequest
	offset   int64 // where they begin in the spool
}

// requestOf returns the request that a row came in.
func (g requestGroup) requestOf(row int64) *pendingRequest {
	next := sort.Search(len(g.requests), func(i int) bool { return g.requests[i].firstLine > row })
	return g.requests[max(0, next-1)]
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

// Limits of a stream's waiting requests; a single larger request may wait alone.
const (
	maxWaiting      = 4096      // requests
	maxWaitingBytes = 128 << 20 // of their bodies
)

// maxQueueWait is how long a request waits in the queue while something else uses the stream.
const maxQueueWait = 2 * time.Second

// ErrBusy says that the queue is full: send the request again later. Class Throttled.
var ErrBusy = failure.Throttle(time.Second, errors.New("the stream's intake is busy: send the request again later"))

// ErrClosed says that live intake has stopped. Class Transient.
var ErrClosed = failure.Wrap(failure.Transient, errors.New("the stream's intake is stopping"))

// queue contains waiting requests in order of arrival, and counts the unanswered ones.
type queue struct {
	mu      sync.Mutex
	waiting []*pendingRequest
	count   int   // unanswered requests
	bytes   int64 // of their bodies
	closed  bool
	wake    chan struct{} // capacity 1: requests are waiting
}

func (q *queue) put(p *pendingRequest) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.count > 0 && (q.count >= maxWaiting || q.bytes+p.size > maxWaitingBytes):
		return ErrBusy
	}
	q.count++
	q.bytes += p.size
	p.onDone = q.release
	q.waiting = append(q.waiting, p)
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// release is called when a request is answered.
func (q *queue) release(p *pendingRequest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.count--
	q.bytes -= p.size
}

// pop removes the next requests from the queue, up to about maxBytes.
func (q *queue) pop(maxBytes int64) []*pendingRequest {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, int64(0)
	for n < len(q.waiting) && (n == 0 || size+q.waiting[n].size <= maxBytes) {
		size += q.waiting[n].size
		n++
	}
	taken := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) > 0 {
		q.signal()
	} else {
		q.waiting = nil
	}
	return taken
}

func (q *queue) remove(p *pendingRequest) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, p)
	if i >= 0 {
		q.waiting = slices.Concat(q.waiting[:i], q.waiting[i+1:])
	}
	return i >= 0
}

// close refuses further requests.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
