// What the streams' events are stored in, and reading their state and batches.

package event

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event/identity"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Store is where the events of streams are stored, and what is needed to read and to change them. Whoever changes a stream holds it exclusively.
type Store struct {
	Objects object.Store
	Catalog catalog.Catalog
	Secret  *identity.File // key of the dedupe indexes' digests
	Scratch string         // folder for temporary files
	Duck    duck.Options   // of sessions that read events and compute columns
	Workers int            // goroutines that parse or check objects; at least 1
	Now     func() time.Time
	Log     *slog.Logger
}

// ReadState returns the catalog's state of a stream, and whether there is one.
func (st *Store) ReadState(ctx context.Context, stream string) (state StreamState, found bool, err error) {
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(streamKey(stream), &state)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read state of stream %s: %w", stream, err)
	}
	return state, found, err
}

// ChangeState changes the catalog's state of a stream.
func (st *Store) ChangeState(ctx context.Context, stream string, change func(*StreamState)) error {
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		state, err := GetState(tx, stream)
		if err != nil {
			return err
		}
		change(&state)
		return PutState(tx, stream, &state)
	})
	if err != nil {
		return fmt.Errorf("write state of stream %s: %w", stream, err)
	}
	return nil
}

// batchesAtOnce bounds the batches kept in memory while all batches of a stream are visited.
const batchesAtOnce = 256

// EachBatch calls fn for the stream's batches 1 to last, and fails if the catalog lacks one.
func (st *Store) EachBatch(ctx context.Context, stream string, last uint64, fn func(Batch) error) error {
	for next := uint64(1); next <= last; {
		batches, err := catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (batches []Batch, err error) {
			for n := next; n <= last && len(batches) < batchesAtOnce; n++ {
				b, err := GetBatch(tx, stream, n)
				if err != nil {
					return nil, err
				}
				batches = append(batches, b)
			}
			return batches, nil
		})
		if err != nil {
			return err
		}
		for _, b := range batches {
			if err := fn(b); err != nil {
				return err
			}
		}
		next += uint64(len(batches))
	}
	return nil
}

// Batch returns a batch that must be in the catalog.
func (st *Store) Batch(ctx context.Context, stream string, number uint64) (Batch, error) {
	return catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (Batch, error) { return GetBatch(tx, stream, number) })
}

// KnownBatch returns a batch from the catalog.
func (st *Store) KnownBatch(ctx context.Context, stream string, number uint64) (b Batch, known bool, err error) {
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		b, known, err = FindBatch(tx, stream, number)
		return err
	})
	return b, known, err
}

// NoSuchError is returned for a batch, event or row that the stream does not have.
type NoSuchError struct{ What, Hint string }

func (e *NoSuchError) Error() string { return e.What + " not found; " + e.Hint }

// Class is Data: a retry gives the same result.
func (e *NoSuchError) Class() failure.Class { return failure.Data }

// ExitCode is 3 (DESIGN §7).
func (e *NoSuchError) ExitCode() int { return 3 }
