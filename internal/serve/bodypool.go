// The memory limit for all request bodies. Memory is reserved as bytes arrive, and taken back from slow clients if others need it.

package serve

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

const (
	// initialBufferBytes is the initial size of a body's buffer. It grows fourfold when it is full, whatever the announced length.
	initialBufferBytes = 64 << 10
	// abortWait bounds the wait for the memory of an aborted body.
	abortWait = time.Second
)

// bodyPool counts the memory of all request bodies.
type bodyPool struct {
	limit *semaphore.Weighted

	mu      sync.Mutex
	reading map[*reservation]bool // being read
	used    int64
}

// slowest returns the largest of the bodies whose clients are slow; nil if no client is slow.
func (pool *bodyPool) slowest() (slowest *reservation) {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	for b := range pool.reading {
		if b.reader.isSlow() && (slowest == nil || b.reserved > slowest.reserved) {
			slowest = b
		}
	}
	return slowest
}

func (pool *bodyPool) fits(n int64) bool {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	return pool.used+n <= maxPoolBytes
}

// reservation is the memory of one body within the pool.
type reservation struct {
	pool     *bodyPool
	reader   *bodyReader
	gauge    prometheus.Gauge
	reserved int64 // guarded by pool.mu
}

// reserve reserves n bytes. If they are not free, it aborts the largest body of a slow client. Otherwise a few clients that
// announce long bodies and then stop sending would block all others until their timeout.
func (b *reservation) reserve(n int64) error {
	if !b.pool.limit.TryAcquire(n) {
		slow := b.pool.slowest()
		if slow == nil || slow == b {
			return errPoolFull
		}
		slow.reader.abort()
		waitCtx, cancel := context.WithTimeout(context.Background(), abortWait)
		defer cancel()
		if b.pool.limit.Acquire(waitCtx, n) != nil {
			return errPoolFull
		}
	}
	b.addReserved(n)
	return nil
}

func (b *reservation) addReserved(n int64) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.reserved += n
	b.pool.used += n
	b.gauge.Add(float64(n))
}

func (b *reservation) release() {
	n := b.reserved
	b.addReserved(-n)
	b.pool.limit.Release(n)
}

// read reads a whole body; length is -1 if it is unknown. Its buffer has one byte more than the limit, to detect longer bodies.
func (b *reservation) read(src io.Reader, length int64) ([]byte, error) {
	maxLength := int64(maxBodyBytes + 1)
	if length >= 0 {
		maxLength = length + 1
	}
	if err := b.startReading(maxLength, length >= 0); err != nil {
		return nil, err
	}
	defer b.stopReading()
	body := make([]byte, 0, b.reserved)
	for {
		n, err := src.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxBodyBytes:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
		if len(body) == cap(body) {
			more := min(3*int64(cap(body)), max(maxLength-int64(cap(body)), initialBufferBytes))
			if err := b.reserve(more); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, int64(cap(body))+more), body...)
		}
	}
}

// startReading reserves the initial buffer of a body. A body of known length is refused before it is sent if its memory is
// not free and no slow client's body can be aborted.
func (b *reservation) startReading(maxLength int64, lengthKnown bool) error {
	if lengthKnown && !b.pool.fits(maxLength) && b.pool.slowest() == nil {
		return errPoolFull
	}
	if err := b.reserve(min(maxLength, initialBufferBytes)); err != nil {
		return err
	}
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.pool.reading[b] = true
	return nil
}

func (b *reservation) stopReading() {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	delete(b.pool.reading, b)
}
