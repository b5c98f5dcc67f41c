// The dedupe index of a stream as used by intake, verification and repair: its key and its errors.

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

// OpenSecret opens the file with the project's secret. If the file is missing it is created, unless a stream's dedupe index depends on the secret,
// or may because its state cannot be read. Intake is then refused until the indexes are rebuilt.
func OpenSecret(ctx context.Context, c catalog.Catalog, path string) (*identity.File, error) {
	return identity.Open(path, secretDepended(ctx, c))
}

// ReadSecret is OpenSecret for read-only callers: it returns nil if the secret is missing and nothing depends on it.
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

// indexKey returns the key of a stream's dedupe index; nil for the index of an older project. A key that is not the index's would make every id new, so
// it is refused.
func indexKey(st *Store, stream string, state *streamState) (*identity.Key, error) {
	if state.Identity == "" && len(state.DedupeTables) > 0 {
		return nil, nil
	}
	if st.Secret == nil {
		return nil, errors.New("bug: intake without a secret")
	}
	key, err := st.Secret.Key()
	if err == nil && state.Identity != "" && state.Identity != key.Check() {
		err = errors.New("the project's identity key is not the key of the index")
	}
	if err != nil {
		return nil, needsRepair(stream, err)
	}
	return key, nil
}

// dedupeError names the stream of an index error, and the remedy for damage.
func dedupeError(stream string, err error) error {
	if errors.Is(err, dedupe.ErrCorrupt) {
		return needsRepair(stream, err)
	}
	return fmt.Errorf("dedupe index of stream %s: %w", stream, err)
}

// needsRepair returns an error of class Data, since a retry reads the same bytes.
func needsRepair(stream string, err error) error {
	return failure.Wrap(failure.Data, fmt.Errorf("dedupe index of stream %s: %w; run `bursar repair`", stream, err))
}

// sameIntake reports whether nothing was sealed, retracted or rebuilt between two reads of a stream's state.
func (s *streamState) sameIntake(o *streamState) bool {
	return s.Batches == o.Batches && s.Files == o.Files && s.Spools == o.Spools && s.Identity == o.Identity &&
		s.Retractions == o.Retractions
}

// readState returns the catalog's state of a stream, and whether there is one.
func (st *Store) readState(ctx context.Context, stream string) (state streamState, found bool, err error) {
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		found, err = tx.Get(streamKey(stream), &state)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read state of stream %s: %w", stream, err)
	}
	return state, found, err
}

// batchesAtOnce bounds the batches kept in memory while all batches of a stream are visited.
const batchesAtOnce = 256

// eachBatch calls fn for the stream's batches 1 to last, and fails if the catalog lacks one.
func (st *Store) eachBatch(ctx context.Context, stream string, last uint64, fn func(Batch) error) error {
	for next := uint64(1); next <= last; {
		batches := make([]Batch, 0, batchesAtOnce)
		err := st.Catalog.View(ctx, func(tx catalog.Tx) error {
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
