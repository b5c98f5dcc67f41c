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
	// firstBytes is where a body begins; it grows fourfold as it is filled, whatever length was announced.
	firstBytes = 64 << 10
	// giveUpTime bounds how long a body waits for the memory that a slow one gives up.
	giveUpTime = time.Second
)

// bodies are those in memory.
type bodies struct {
	room *semaphore.Weighted

	mu    sync.Mutex
	open  map[*budget]bool // being read
	taken int64
}

func newBodies() bodies {
	return bodies{room: semaphore.NewWeighted(bodiesBytes), open: map[*budget]bool{}}
}

// slowest is the largest of the bodies whose clients are slow; nil if none is.
func (all *bodies) slowest() (slow *budget) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for b := range all.open {
		if b.sent.isSlow() && (slow == nil || b.taken > slow.taken) {
			slow = b
		}
	}
	return slow
}

// fits reports whether there is memory for so many bytes now.
func (all *bodies) fits(n int64) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	return all.taken+n <= bodiesBytes
}

// budget is what one body takes of the memory for all.
type budget struct {
	all   *bodies
	sent  *paced
	gauge prometheus.Gauge
	taken int64 // changed under all.mu
}

// take takes memory. Where there is none, a client that is slow loses what it has: else a few that announce much and send
// nothing, or stop in the middle, would keep all others out for as long as they may take.
func (b *budget) take(n int64) error {
	if !b.all.room.TryAcquire(n) {
		slow := b.all.slowest()
		if slow == nil || slow == b {
			return errBodies
		}
		slow.sent.giveUp()
		patience, cancel := context.WithTimeout(context.Background(), giveUpTime)
		defer cancel()
		if b.all.room.Acquire(patience, n) != nil {
			return errBodies
		}
	}
	b.add(n)
	return nil
}

func (b *budget) add(n int64) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	b.taken += n
	b.all.taken += n
	b.gauge.Add(float64(n))
}

func (b *budget) release() {
	n := b.taken
	b.add(-n)
	b.all.room.Release(n)
}

// read reads all, of the length if it is known. One byte more than the limit is room enough to see that there is more.
func (b *budget) read(from io.Reader, length int64) ([]byte, error) {
	most := int64(bodyBytes + 1)
	if length >= 0 {
		most = length + 1
	}
	if err := b.open(most, length >= 0); err != nil {
		return nil, err
	}
	defer b.close()
	body := make([]byte, 0, b.taken)
	for {
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > bodyBytes:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		}
		if len(body) == cap(body) {
			more := min(3*int64(cap(body)), max(most-int64(cap(body)), firstBytes))
			if err := b.take(more); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, int64(cap(body))+more), body...)
		}
	}
}

// open begins to read a body of so many bytes at most. One whose length is known is refused before it is sent if there is no
// memory for it now, and none that a slow client could give up.
func (b *budget) open(most int64, known bool) error {
	if known && !b.all.fits(most) && b.all.slowest() == nil {
		return errBodies
	}
	if err := b.take(min(most, firstBytes)); err != nil {
		return err
	}
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	b.all.open[b] = true
	return nil
}

func (b *budget) close() {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	delete(b.all.open, b)
}
