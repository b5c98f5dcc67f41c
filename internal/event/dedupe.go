// The dedupe index of a stream as intake, verification and repair see it: its key, and what its faults are called.

package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bursar/internal/catalog"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/failure"
)

// OpenSecret opens the project's secret in a file. It is made when it is not there, unless a stream's dedupe index
// depends on it, as one may whose state cannot be read: then intake is refused until indexes are made anew.
func OpenSecret(ctx context.Context, c catalog.Catalog, path string) (*identity.File, error) {
	return identity.Open(path, secretDepended(ctx, c))
}

// ReadSecret is OpenSecret for who may write nothing: a secret that is not there, and that nothing depends on, is nil.
func ReadSecret(ctx context.Context, c catalog.Catalog, path string) (*identity.File, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !secretDepended(ctx, c) {
		return nil, nil
	}
	return identity.Open(path, true)
}

// secretDepended reports whether a stream's dedupe index depends on the secret, or may.
func secretDepended(ctx context.Context, c catalog.Catalog) bool {
	depended := false
	err := c.View(ctx, func(tx catalog.Tx) error {
		return tx.List(streamKey(""), func(_ string, value json.RawMessage) error {
			var state streamState
			err := json.Unmarshal(value, &state)
			depended = depended || state.Identity != ""
			return err
		})
	})
	return depended || err != nil
}

// key is what the digests of a stream's dedupe index are made with: nil for the index of an older project. A key other
// than the index's would find every id to be new, so it is refused.
func (in *Intake) key(stream string, state *streamState) (*identity.Key, error) {
	if state.Identity == "" && len(state.DedupeTables) > 0 {
		return nil, nil
	}
	if in.Secret == nil {
		return nil, errors.New("bug: intake without a secret")
	}
	key, err := in.Secret.Key()
	if err == nil && state.Identity != "" && state.Identity != key.Check() {
		err = errors.New("the project's identity key is not the one that the index was made with")
	}
	if err != nil {
		return nil, needsRepair(stream, err)
	}
	return key, nil
}

// dedupeError says of which stream's index an error is, and what mends damage.
func dedupeError(stream string, err error) error {
	if errors.Is(err, dedupe.ErrCorrupt) {
		return needsRepair(stream, err)
	}
	return fmt.Errorf("dedupe index of stream %s: %w", stream, err)
}

// needsRepair is an error of class Data: the same bytes are there at the next try.
func needsRepair(stream string, err error) error {
	return failure.Wrap(failure.Data, fmt.Errorf("dedupe index of stream %s: %w; run `bursar repair`", stream, err))
}

// sameIntake reports whether nothing was sealed or retracted, and no index made anew, between two readings of a stream's state.
func (s *streamState) sameIntake(o *streamState) bool {
	return s.Batches == o.Batches && s.Files == o.Files && s.Spools == o.Spools && s.Identity == o.Identity &&
		s.Retractions == o.Retractions
}

// readState is what the catalog has of a stream, and whether it has taken anything in.
func (in *Intake) readState(ctx context.Context, stream string) (state streamState, found bool, err error) {
	err = in.Catalog.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(streamKey(stream), &state)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read state of stream %s: %w", stream, err)
	}
	return state, found, err
}

// batchesAtOnce bounds the batches that are held while all of a stream are gone through.
const batchesAtOnce = 256

// eachBatch calls fn for the stream's batches 1 to last, and fails when one is not in the catalog.
func (in *Intake) eachBatch(ctx context.Context, stream string, last uint64, fn func(Batch) error) error {
	for next := uint64(1); next <= last; {
		batches := make([]Batch, 0, batchesAtOnce)
		err := in.Catalog.View(ctx, func(tx catalog.Tx) error {
			batches = batches[:0]
			for n := next; n <= last && len(batches) < batchesAtOnce; n++ {
				b, err := GetBatch(tx, stream, n)
				if err != nil {
					return err
				}
				batches = append(batches, b)
			}
			return nil
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
