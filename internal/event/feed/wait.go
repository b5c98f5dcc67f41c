// Waiting for new batches: one watch of the catalog for all who wait for a stream.

package feed

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
)

// watch reads a stream's last batch whenever the catalog reports a change, for all who wait.
type watch struct {
	waiting int
	stop    context.CancelFunc
	ended   chan struct{} // closed when it reads no more

	// Guarded by the reader's mutex.
	last    uint64
	err     error
	changed chan struct{} // closed when last or err changes
}

// Await waits until the stream has a batch after that of a cursor, which any process may seal, or ctx ends. A batch may have no events.
func (r *Reader) Await(ctx context.Context, stream string, after Cursor) error {
	w, err := r.join(stream)
	if err != nil {
		return err
	}
	defer r.leave(stream, w)
	for {
		r.mu.Lock()
		last, err, changed := w.last, w.err, w.changed
		r.mu.Unlock()
		if err != nil || last > after.Batch {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// join adds one who waits to the watch of a stream.
func (r *Reader) join(stream string) (*watch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watches[stream]
	if w == nil {
		source, can := r.store.Catalog.(catalog.Watcher)
		if !can {
			return nil, errors.New("the catalog reports no changes")
		}
		ctx, stop := context.WithCancel(context.Background())
		w = &watch{stop: stop, ended: make(chan struct{}), changed: make(chan struct{})}
		r.watches[stream] = w
		go r.follow(ctx, stream, w, event.WatchBatches(ctx, source, stream))
	}
	w.waiting++
	return w, nil
}

// leave is the end of join. The last one waits until the watch has ended: the catalog may be closed next.
func (r *Reader) leave(stream string, w *watch) {
	r.mu.Lock()
	w.waiting--
	isLast := w.waiting == 0
	if isLast && r.watches[stream] == w {
		delete(r.watches, stream)
	}
	r.mu.Unlock()
	if isLast {
		w.stop()
		<-w.ended
	}
}

// follow reads the stream's last batch after each signal. After an error, who waits gets it, and who comes later begins a new watch.
func (r *Reader) follow(ctx context.Context, stream string, w *watch, signal <-chan struct{}) {
	defer close(w.ended)
	for {
		last, err := catalog.Read(ctx, r.store.Catalog, func(tx catalog.Tx) (uint64, error) { return event.Sealed(tx, stream) })
		if err != nil {
			err = fmt.Errorf("wait for events of %s: %w", stream, err)
		}
		r.mu.Lock()
		if last != w.last || err != nil {
			w.last, w.err = last, err
			close(w.changed)
			w.changed = make(chan struct{})
		}
		if err != nil && r.watches[stream] == w {
			delete(r.watches, stream)
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
		select {
		case <-signal:
		case <-ctx.Done():
			return
		}
	}
}
