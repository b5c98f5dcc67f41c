// Writes a spool to objects.

package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/object"
)

// endMark ends each object.
const endMark = "\x00"

// objectWriter is the Writer of objects. Everything that is appended between two Syncs becomes one object.
type objectWriter struct {
	numbering
	store  object.Store
	id     ID
	prefix string
	buffer []byte  // frames that no object contains
	begins []int64 // where each object begins in the spool, also the one whose Sync failed
	next   int64   // where the next one begins
	err    error
}

func (w *objectWriter) ID() ID { return w.id }

func (w *objectWriter) Append(key string, body []byte) error {
	if w.err != nil {
		return w.err
	}
	pieces, err := w.request(key, body)
	if err == nil {
		w.add(pieces)
	}
	return err
}

func (w *objectWriter) add(pieces [][]byte) {
	for _, piece := range pieces {
		w.buffer = append(w.buffer, piece...)
	}
}

// name is the name of the n-th object, from 0.
func (w *objectWriter) name(n int) string { return w.prefix + groupName(uint64(n)+1) }

func (w *objectWriter) Sync(ctx context.Context) error {
	if w.err != nil || len(w.buffer) == 0 {
		return w.err
	}
	name := w.name(len(w.begins))
	w.begins = append(w.begins, w.next)
	if err := write(ctx, w.store.CreateNew, name, append(w.buffer, endMark...)); err != nil {
		w.err = fmt.Errorf("sync spool: %w", err)
		return w.err
	}
	w.next, w.group, w.buffer = w.size, w.frames, w.buffer[:0]
	return nil
}

// Cut deletes the last object first: a reader that finds one without that before it reports damage.
func (w *objectWriter) Cut(ctx context.Context, size int64) error {
	if errors.Is(w.err, errCut) {
		return w.err
	}
	w.err = errCut
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
