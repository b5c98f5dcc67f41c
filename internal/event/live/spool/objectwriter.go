// Writes a spool to objects.

package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/object"
)

const (
	// endMark ends each object.
	endMark = "\x00"
	// emptied is the number of the object with the header of a spool whose requests were all cut.
	emptied = 0
)

// objectWriter is the Writer of objects. Everything that is appended between two Syncs becomes one object.
type objectWriter struct {
	numbering
	store  object.Store
	id     ID
	prefix string
	first  []byte  // the frame with the header
	buffer []byte  // frames that no object contains
	begins []int64 // where the requests of each object begin in the spool, also of the one whose Sync failed
	next   int64   // where those of the next one begin
	err    error
}

func (w *objectWriter) ID() ID { return w.id }

func (w *objectWriter) Append(key string, body []byte) error {
	if w.err != nil {
		return w.err
	}
	pieces, err := w.request(key, body)
	for _, piece := range pieces {
		w.buffer = append(w.buffer, piece...)
	}
	return err
}

// name is the name of the n-th group's object, from 0.
func (w *objectWriter) name(n int) string { return w.prefix + groupName(uint64(n)+1) }

// put makes an object of frames. It must not exist.
func (w *objectWriter) put(ctx context.Context, name string, frames []byte) error {
	return write(ctx, w.store.CreateNew, name, append(frames, endMark...))
}

func (w *objectWriter) Sync(ctx context.Context) error {
	if w.err != nil || len(w.buffer) == 0 {
		return w.err
	}
	name := w.name(len(w.begins))
	w.begins = append(w.begins, w.next)
	if err := w.put(ctx, name, w.buffer); err != nil {
		w.err = fmt.Errorf("sync spool: %w", err)
		return w.err
	}
	w.next, w.group, w.buffer = w.size, w.frames, w.buffer[:0]
	return nil
}

// Cut deletes the last object first: a reader that finds one without that before it reports damage. If nothing stays, an object with the header alone
// says so, because a spool that disappears may be missed.
func (w *objectWriter) Cut(ctx context.Context, size int64) error {
	if errors.Is(w.err, errCut) {
		return w.err
	}
	w.err = errCut
	if len(w.begins) > 0 && w.begins[0] >= size {
		if err := w.put(ctx, w.prefix+groupName(emptied), w.first); err != nil {
			return fmt.Errorf("cut spool: %w", err)
		}
	}
	for n, begin := range slices.Backward(w.begins) {
		if begin < size {
			break
		}
		if err := w.store.Delete(ctx, w.name(n)); err != nil {
			return fmt.Errorf("cut spool: %w", err)
		}
	}
	return nil
}

func (w *objectWriter) Size() int64 { return w.size }

// Close does nothing: an object that is not complete does not exist.
func (w *objectWriter) Close() error { return nil }
