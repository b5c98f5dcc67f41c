// Which batches, and which of their objects, contain the next events of a stream.

package feed

import (
	"context"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
)

const (
	// maxParts bounds the batches that one query reads.
	maxParts = 32
	// maxEmpty bounds the batches without events that are passed over in one transaction.
	maxEmpty = 200
	// wholeObjects is how many objects of a batch are read without knowing their order.
	wholeObjects = 2
)

// window is what one query reads: neighbouring batches, or a piece of a large one.
type window struct {
	parts       []part
	end         Cursor       // after all events of the window
	lost        *event.Batch // was given up, and comes next; parts is empty then
	sealed      uint64       // the last batch of the stream
	retractions uint64
}

// isEnd reports whether nothing was sealed after the window.
func (w *window) isEnd() bool { return w.lost == nil && w.end.Batch == w.sealed }

// part is what a window has of a batch.
type part struct {
	batch        event.Batch // as it was sealed, with the objects that may contain the events
	after, until dedupe.Place
	retracted    map[dedupe.Place]bool // single events
	withdrawn    bool                  // all events are retracted
}

// rowsOf returns how many rows of the window are read at once: less than fit on the page if rows are long, so that a query needs little memory.
func (w *window) rowsOf(p *pageBuilder) int {
	var rows, bytes int64
	for _, part := range w.parts {
		for _, o := range part.batch.Objects {
			rows, bytes = rows+o.Rows, bytes+o.Bytes
		}
	}
	perRow := max(bytes/max(rows, 1), 1)
	return int(min(int64(p.left()), int64(p.limit.Bytes)/perRow+1))
}

// plan finds the window after a cursor. rows is how many events are looked for.
func (r *Reader) plan(ctx context.Context, stream string, after Cursor, rows int) (window, error) {
	w, err := catalog.Read(ctx, r.store.Catalog, func(tx catalog.Tx) (w window, err error) {
		w.end = after
		if w.retractions, err = event.LastRetraction(tx, stream); err != nil {
			return w, err
		}
		if w.sealed, err = event.Sealed(tx, stream); err != nil {
			return w, err
		}
		if err = w.addBegun(tx, stream, after); err == nil {
			err = w.addBatches(tx, stream, rows)
		}
		return w, err
	})
	if err == nil && len(w.parts) == 1 && len(w.parts[0].batch.Objects) > wholeObjects {
		err = r.narrow(ctx, &w)
	}
	return w, err
}

// addBegun checks the batch of a cursor, and adds what was not read of it.
func (w *window) addBegun(tx catalog.Tx, stream string, after Cursor) error {
	if after.Batch == 0 {
		return nil
	}
	if after.Batch > w.sealed {
		return goneError(stream, after.Batch)
	}
	b, found, err := event.FindBatch(tx, stream, after.Batch)
	switch {
	case err != nil:
		return err
	case found && b.GivenUp != nil && batchIdentity(&b) != after.identity:
		return lostError(&b)
	case !found || batchIdentity(&b) != after.identity:
		return goneError(stream, after.Batch)
	case after.place == 0:
		return nil
	}
	return w.add(tx, &b, after.place)
}

// addBatches adds the next batches, until there are enough rows. One of many objects is a window of its own.
func (w *window) addBatches(tx catalog.Tx, stream string, rows int) error {
	found, passed := int64(0), 0
	for n := w.end.Batch + 1; n <= w.sealed && len(w.parts) < maxParts && passed < maxEmpty; n++ {
		if len(w.parts) > 0 && (len(w.parts[0].batch.Objects) > wholeObjects || found >= int64(rows)) {
			break
		}
		b, err := event.GetBatch(tx, stream, n)
		if err != nil {
			return err
		}
		if b.GivenUp != nil {
			if len(w.parts) == 0 {
				w.lost = &b
			}
			break
		}
		if b.Accepted == 0 {
			w.end, passed = cursorIn(&b, 0), passed+1
			continue
		}
		if len(w.parts) > 0 && len(b.Objects) > wholeObjects {
			break
		}
		if err := w.add(tx, &b, 0); err != nil {
			return err
		}
		found += b.Accepted
	}
	return nil
}

// add adds the events of a batch after a place, with what is retracted of them.
func (w *window) add(tx catalog.Tx, b *event.Batch, after dedupe.Place) error {
	p := part{batch: *b, after: after}
	var list []event.Retraction
	var err error
	if w.retractions > 0 {
		list, err = event.RetractionsOf(tx, b.Stream, b.Batch)
	}
	for i := range list {
		if list[i].Event == "" {
			p.withdrawn = true
			continue
		}
		place, err := dedupe.PlaceOf(list[i].File, uint64(list[i].Row))
		if err != nil {
			return err
		}
		if p.retracted == nil {
			p.retracted = map[dedupe.Place]bool{}
		}
		p.retracted[place] = true
	}
	w.parts, w.end = append(w.parts, p), cursorIn(b, 0)
	return err
}

// lostError is the error of a reader that comes to a batch that was given up.
func lostError(b *event.Batch) error {
	return &GoneError{
		What: fmt.Sprintf("batch %d of %s was given up, its events are lost: %s", b.Batch, b.Stream, b.GivenUp.Reason),
		Hint: fmt.Sprintf("to go on with the next batch, use the cursor %s", cursorIn(b, 0)),
	}
}

// goneError is the error of a cursor of a batch that is not the one that the stream has.
func goneError(stream string, batch uint64) error {
	return &GoneError{
		What: fmt.Sprintf("batch %d of %s, which the cursor is of, does not exist any more: an older copy of the project was put back", batch, stream),
		Hint: "begin again without a cursor, or go on with `latest`, which leaves out what was sealed meanwhile",
	}
}
