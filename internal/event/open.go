// Opens a stream's dedupe index: its state and the key of its digests.

package event

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// maxIDBytes bounds the memory for the ids of a batch that is being written.
const maxIDBytes = 256 << 20

// openIndex reads a stream's state and the key of its dedupe index. An index built before the stream was declared to keep versions contains ids without
// contents, so it is rebuilt.
func openIndex(ctx context.Context, st *Store, s *project.Stream) (state streamState, key *identity.Key, err error) {
	if state, _, err = st.readState(ctx, s.Name); err != nil {
		return state, nil, err
	}
	if err := CheckGrowth(ctx, st.Catalog, s); err != nil {
		return state, nil, err
	}
	key, err = indexKey(st, s.Name, &state)
	if err != nil || state.Batches == 0 || state.Versions == s.Versions {
		return state, key, err
	}
	st.Log.Info("rebuilding the stream's dedupe index, because its `versions` declaration changed", "stream", s.Name)
	if err := Rebuild(ctx, st, s); err != nil {
		return state, nil, err
	}
	if state, _, err = st.readState(ctx, s.Name); err != nil {
		return state, nil, err
	}
	key, err = indexKey(st, s.Name, &state)
	return state, key, err
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
