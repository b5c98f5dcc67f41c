// Writes of several chunks that share a transaction: a worker waits for the disk once for all chunks that end at about the same time.

package chunk

import (
	"context"
	"errors"
	"sync"

	"bursar/internal/catalog"
)

// Writes lets the chunks that a process executes at the same time share transactions of the catalog: while one is written, the others wait and
// are written together. The zero value is ready, and safe for concurrent use.
type Writes struct {
	writing sync.Mutex // held while a transaction is written
	mu      sync.Mutex // guards next
	next    *sharedWrite
}

// sharedWrite is a transaction that collects writes, and is written by the goroutine that began it.
type sharedWrite struct {
	writes []func(catalog.Tx) error
	errs   []error // of each write that was refused
	done   chan struct{}
	err    error // of all
}

// errPanicked is the error of a transaction that has not returned: those that wait write by themselves.
var errPanicked = errors.New("write the outcomes of tasks: panic")

// update is Update of a catalog. A write that is refused with ErrSuperseded must not have written anything: the others are committed.
func (w *Writes) update(ctx context.Context, c catalog.Catalog, write func(catalog.Tx) error) error {
	if w == nil {
		return c.Update(ctx, write)
	}
	w.mu.Lock()
	s, begins := w.next, w.next == nil
	if begins {
		s = &sharedWrite{done: make(chan struct{})}
		w.next = s
	}
	number := len(s.writes)
	s.writes = append(s.writes, write)
	w.mu.Unlock()
	if begins {
		w.commit(ctx, c, s)
	} else {
		<-s.done // bounded by writeTimeout; what it writes is the caller's until then
	}
	switch {
	case s.err == nil:
		return s.errs[number]
	case len(s.writes) == 1, errors.Is(s.err, catalog.ErrOutcomeUnknown):
		return s.err
	}
	return c.Update(ctx, write) // another one's error, or the end of its context, is not this one's
}

// commit writes a transaction as soon as the one before is written.
func (w *Writes) commit(ctx context.Context, c catalog.Catalog, s *sharedWrite) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	w.next = nil
	w.mu.Unlock()
	defer close(s.done)
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	s.err = errPanicked
	s.err = c.Update(ctx, func(tx catalog.Tx) error {
		s.errs = make([]error, len(s.writes))
		for i, write := range s.writes {
			if s.errs[i] = write(tx); s.errs[i] != nil && !errors.Is(s.errs[i], ErrSuperseded) {
				return s.errs[i]
			}
		}
		return nil
	})
}
