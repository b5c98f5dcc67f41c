// Requests that wait for live intake: their queue, and their idempotency keys.

package live

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"bursar/internal/failure"
)

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

// pendingKeys holds the requests with keys that are in progress or whose batch is not sealed yet.
type pendingKeys struct {
	mu    sync.Mutex
	byKey map[string]*pendingRequest
}

// claim registers a request. It returns the request that already has the key, or nil.
func (k *pendingKeys) claim(p *pendingRequest) *pendingRequest {
	k.mu.Lock()
	defer k.mu.Unlock()
	if first := k.byKey[p.key]; first != nil {
		return first
	}
	if k.byKey == nil {
		k.byKey = map[string]*pendingRequest{}
	}
	k.byKey[p.key] = p
	return nil
}

// drop removes requests that failed or whose answers are in the catalog.
func (k *pendingKeys) drop(requests ...*pendingRequest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range requests {
		if k.byKey[p.key] == p {
			delete(k.byKey, p.key)
		}
	}
}

// dropDone removes answered requests: after a recovery their answers are in the catalog.
func (k *pendingKeys) dropDone() {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.byKey, func(_ string, p *pendingRequest) bool { return p.isDone() })
}
