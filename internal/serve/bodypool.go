// The memory of all bodies together: taken as their bytes arrive, and given up by slow clients when others want it.

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
	// initialBufferBytes is where a body begins; it grows fourfold as it is filled, whatever length was announced.
	initialBufferBytes = 64 << 10
	// abortWait bounds how long a body waits for the memory that a slow one gives up.
	abortWait = time.Second
)

// bodyPool are those in memory.
type bodyPool struct {
	limit *semaphore.Weighted

	mu      sync.Mutex
	reading map[*reservation]bool // being read
	used    int64
}

func newBodyPool() bodyPool {
	return bodyPool{limit: semaphore.NewWeighted(maxPoolBytes), reading: map[*reservation]bool{}}
}

// slowest is the largest of the bodies whose clients are slow; nil if none is.
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

// fits reports whether there is memory for so many bytes now.
func (pool *bodyPool) fits(n int64) bool {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	return pool.used+n <= maxPoolBytes
}

// reservation is what one body takes of the memory for all.
type reservation struct {
	pool     *bodyPool
	reader   *bodyReader
	gauge    prometheus.Gauge
	reserved int64 // changed under all.mu
}

// reserve takes memory. Where there is none, a client that is slow loses what it has: else a few that announce much and send
// nothing, or stop in the middle, would keep all others out for as long as they may take.
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

// read reads all, of the length if it is known. One byte more than the limit is room enough to see that there is more.
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

// startReading begins to read a body of so many bytes at most. One whose length is known is refused before it is sent if there is no
// memory for it now, and none that a slow client could give up.
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
