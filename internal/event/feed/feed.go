// The pages of a stream's events, in the order of sealing.

// Package feed reads the events of a stream in the order in which they became final: batch by batch, and within a batch by receipt. A reader has
// a cursor and gets the events after it, a page at a time. The same cursor always gives the same events: batches never change (rule 3), and events
// that are retracted later are marked and stay. What cannot be read any more is an error and never left out. It must not know who reads, and
// stores nothing of readers.
package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/failure"
	"bursar/internal/project"

	"golang.org/x/sync/semaphore"
)

// maxQueries bounds the pages that are read at a time, since each uses a session of DuckDB.
const maxQueries = 2

// Reader reads streams. It is safe for concurrent use.
type Reader struct {
	store   *event.Store
	queries *semaphore.Weighted
	orders  orders
	checked checkedObjects

	mu      sync.Mutex
	watches map[string]*watch // by stream, while somebody waits
}

// New returns a reader of a store.
func New(store *event.Store) *Reader {
	return &Reader{store: store, queries: semaphore.NewWeighted(maxQueries), watches: map[string]*watch{}}
}

// Limit bounds a page. A page has at least one event if there is one.
type Limit struct {
	Rows, Bytes int // at least 1
}

// Page is some events after a cursor.
type Page struct {
	Events []json.RawMessage `json:"events"` // the columns by name; with "_retracted": true if the event does not count any more
	Next   string            `json:"next"`   // the cursor after them
	More   bool              `json:"more"`   // there are events after them

	// Retractions is the number of the stream's last retraction. If it has grown, events that were read before may have been retracted, or count
	// again.
	Retractions uint64 `json:"retractions"`

	next Cursor
}

// Cursor is the cursor after the events.
func (p Page) Cursor() Cursor { return p.next }

// GoneError is returned for a cursor behind which events are missing, or that is of a batch which does not exist any more.
type GoneError struct{ What, Hint string }

func (e *GoneError) Error() string { return e.What + "; " + e.Hint }

// Class is Data: a retry gives the same result.
func (e *GoneError) Class() failure.Class { return failure.Data }

// LatestText stands for the cursor after all events of a stream.
const LatestText = "latest"

// After returns the cursor that a text names: one of the stream, none for the one before the first event, or LatestText.
func (r *Reader) After(ctx context.Context, stream, text string) (Cursor, error) {
	if text == LatestText {
		return r.latest(ctx, stream)
	}
	return ParseCursor(stream, text)
}

func (r *Reader) latest(ctx context.Context, stream string) (Cursor, error) {
	return catalog.Read(ctx, r.store.Catalog, func(tx catalog.Tx) (Cursor, error) {
		last, err := event.Sealed(tx, stream)
		if err != nil || last == 0 {
			return beginning(stream), err
		}
		b, err := event.GetBatch(tx, stream, last)
		return cursorIn(&b, 0), err
	})
}

// Read returns the events after a cursor of the stream.
func (r *Reader) Read(ctx context.Context, s *project.Stream, after Cursor, limit Limit) (page Page, err error) {
	err = r.store.Reread(func() (err error) {
		page, err = r.read(ctx, s, after, limit)
		return err
	})
	if err != nil && !errors.As(err, new(*GoneError)) {
		err = fmt.Errorf("read events of %s: %w", s.Name, err)
	}
	return page, err
}

func (r *Reader) read(ctx context.Context, s *project.Stream, after Cursor, limit Limit) (Page, error) {
	p := pageBuilder{limit: limit, page: Page{Events: []json.RawMessage{}, next: after}}
	for !p.page.More {
		w, err := r.plan(ctx, s.Name, p.page.next, p.left())
		if err != nil {
			return Page{}, err
		}
		p.page.Retractions = w.retractions
		if len(w.parts) > 0 {
			err = r.addWindow(ctx, s, &w, &p)
		} else if err = p.pass(&w); w.isEnd() {
			break
		}
		if err != nil {
			return Page{}, err
		}
	}
	p.page.Next = p.page.next.String()
	return p.page, nil
}

// addWindow adds the events of a window to a page, as many as fit.
func (r *Reader) addWindow(ctx context.Context, s *project.Stream, w *window, p *pageBuilder) error {
	if p.isFull() && w.parts[0].after == 0 { // batches with no events are not in windows
		p.page.More = true
		return nil
	}
	if err := r.queries.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.queries.Release(1)
	rows := w.rowsOf(p)
	read, err := r.query(ctx, s, w, rows, p)
	if err == nil && read < rows && !p.page.More {
		p.page.next = w.end
	}
	return err
}

// pageBuilder collects the events of a page.
type pageBuilder struct {
	limit Limit
	page  Page
	bytes int
}

// left is how many rows are looked for: one more than fit, to know whether there are more.
func (p *pageBuilder) left() int { return p.limit.Rows - len(p.page.Events) + 1 }

func (p *pageBuilder) isFull() bool { return len(p.page.Events) == p.limit.Rows }

// pass passes over the batches of a window without events. In front of one that was given up the page ends, and the next one is an error.
func (p *pageBuilder) pass(w *window) error {
	p.page.next = w.end
	switch {
	case w.lost == nil:
		return nil
	case len(p.page.Events) == 0:
		return lostError(w.lost)
	}
	p.page.More = true
	return nil
}

// add adds the event after which the cursor is next; false if it does not fit.
func (p *pageBuilder) add(text []byte, next Cursor) bool {
	if n := len(p.page.Events); p.isFull() || n > 0 && p.bytes+len(text) > p.limit.Bytes {
		p.page.More = true
		return false
	}
	p.page.Events, p.bytes, p.page.next = append(p.page.Events, text), p.bytes+len(text), next
	return true
}
