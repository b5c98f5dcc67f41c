// What the streams' events are stored in, and the catalog's state of a stream.

// Package event is the vocabulary of streams and what is stored of them: batches with their files, control totals and manifests, schemas, retractions
// and the quarantine; and the views that read their events. Everything here is a catalog document or an object, which other packages write by its
// functions. What is sealed never changes (rule 3), and what is excluded is stored beside it. The stages stand in their own packages: intake (files
// and received rows become batches), live (requests), ids (the dedupe index of a stream), retract, verify and repair. This package imports none of
// them, and knows nothing of pipelines.
package event

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/failure"
	"bursar/internal/object"
)

// Store is where the events of streams are stored, and what is needed to read and to change them. Whoever changes a stream holds it exclusively.
type Store struct {
	Objects object.Local
	Catalog catalog.Catalog
	Secret  *identity.File // key of the dedupe indexes' digests
	Scratch string         // folder for temporary files
	Duck    duck.Options   // of sessions that read events and compute columns
	Workers int            // goroutines that parse or check objects; at least 1
	Now     func() time.Time
	Log     *slog.Logger
	Shared  bool // another process may write to the same stores later, and this one not know it; else a lock keeps others away
}

// read reads from the catalog. An error says what it was done for.
func read[T any](ctx context.Context, c catalog.Catalog, doing string, fn func(tx catalog.Tx) (T, error)) (T, error) {
	value, err := catalog.Read(ctx, c, fn)
	if err != nil {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return value, err
}

// maxRereads bounds how often what other processes replace is read again.
const maxRereads = 4

// Reread calls read, which begins with the catalog, and calls it again if an object is gone that the catalog had named: another process has
// replaced and removed it meanwhile.
func (st *Store) Reread(read func() error) (err error) {
	for range maxRereads {
		if err = read(); !st.Shared || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
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

// DeleteObjects deletes objects, which may be missing.
func (st *Store) DeleteObjects(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := st.Objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// NoSuchError is returned for a batch, event or row that the stream does not have.
type NoSuchError struct{ What, Hint string }

func (e *NoSuchError) Error() string { return e.What + " not found; " + e.Hint }

// Class is Data: a retry gives the same result.
func (e *NoSuchError) Class() failure.Class { return failure.Data }

// ExitCode is 3 (DESIGN §7).
func (e *NoSuchError) ExitCode() int { return 3 }

// StreamState is the catalog's document of a stream.
type StreamState struct {
	Batches uint64 `json:"batches"`
	Files   uint64 `json:"files"`
	Merges  uint64 `json:"merges"`            // compactions of the dedupe index so far; they number its objects
	Spools  uint64 `json:"spools,omitempty"`  // the last spool of live intake that was sealed
	Opened  uint64 `json:"opened,omitempty"`  // the last spool that requests were acknowledged in; if it is greater than Spools, it must exist
	Opening string `json:"opening,omitempty"` // which of the spools with this number it is
	Listed  uint64 `json:"listed,omitempty"`  // the first batch for which rows in quarantine are listed in the catalog

	Retractions uint64 `json:"retractions,omitempty"` // number of the last one
	Unindexed   int64  `json:"unindexed,omitempty"`   // retracted events that the last rebuild of the dedupe index left out

	CountedTwice []CountedTwice `json:"doubles,omitempty"` // pairs of events with one id that both counted at the last rebuild of the dedupe index
	Window       time.Duration  `json:"window,omitempty"`  // the shortest dedupe window that batches were sealed with; 0 is forever

	Columns      []Definition       `json:"columns"`
	DedupeTables []dedupe.TableInfo `json:"memory"`

	// Identity is the check value of the key of the dedupe index; empty for an index of an older project, which has no key. Dropped names objects of
	// the index that were replaced and may still exist.
	Identity string       `json:"identity,omitempty"`
	Dropped  []string     `json:"dropped,omitempty"`
	Declared *declaration `json:"declared,omitempty"` // nil until a batch is sealed by a version that stores it
	Versions bool         `json:"versions,omitempty"` // the index knows events by id and content, because the stream keeps versions
}

// GetState reads a stream's state within a transaction; it is empty before the first batch.
func GetState(tx catalog.Tx, stream string) (state StreamState, err error) {
	_, err = tx.Get(streamKey(stream), &state)
	return state, err
}

// States returns the states of all streams.
func States(tx catalog.Tx) ([]StreamState, error) {
	return catalog.All[StreamState](tx, streamKey(""), "")
}

// PutState writes a stream's state.
func PutState(tx catalog.Tx, stream string, state *StreamState) error {
	return tx.Put(streamKey(stream), state)
}

// SameIntake reports whether nothing was sealed, retracted or rebuilt between two reads of a stream's state.
func (state *StreamState) SameIntake(o *StreamState) bool {
	return state.Batches == o.Batches && state.Files == o.Files && state.Spools == o.Spools && state.Identity == o.Identity &&
		state.Retractions == o.Retractions
}

// NeedsRebuild replaces the key's check value in a stream's state when the dedupe index does not match the events. Nothing is ingested until
// the index is rebuilt.
const NeedsRebuild = "adopted"

// CountedTwice is where two events with one id were read that both counted when the dedupe index was built.
type CountedTwice struct {
	A dedupe.Place `json:"a"`
	B dedupe.Place `json:"b"`
}

// Shorter returns the shorter of two dedupe windows; 0 is forever.
func Shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// MayResolve reports whether a retraction may concern an event that counts twice. The dedupe index contains only one of the two, so it must be
// rebuilt.
func (state *StreamState) MayResolve(r *Retraction) bool {
	at := Place{r.File, r.Row}
	return slices.ContainsFunc(state.CountedTwice, func(d CountedTwice) bool { return r.Event == "" || PlaceOf(d.A) == at || PlaceOf(d.B) == at })
}
