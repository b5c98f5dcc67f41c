// Opens a stream's dedupe index: the project's secret, the stream's state and the key of its digests.

package ids

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// MaxBytes bounds the memory for the ids of a batch that is being written.
const MaxBytes = 256 << 20

// Open reads a stream's state and the key of its dedupe index. An index built before the stream was declared to keep versions contains ids without
// contents, so it is rebuilt.
func Open(ctx context.Context, st *event.Store, s *project.Stream) (state event.StreamState, key *identity.Key, err error) {
	if state, _, err = st.ReadState(ctx, s.Name); err != nil {
		return state, nil, err
	}
	if err := event.CheckGrowth(ctx, st.Catalog, s); err != nil {
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
	if state, _, err = st.ReadState(ctx, s.Name); err != nil {
		return state, nil, err
	}
	key, err = indexKey(st, s.Name, &state)
	return state, key, err
}

// indexKey returns the key of a stream's dedupe index; nil for the index of an older project. A key that is not the index's would make every id new, so
// it is refused.
func indexKey(st *event.Store, stream string, state *event.StreamState) (*identity.Key, error) {
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
		return nil, NeedsRepair(stream, err)
	}
	return key, nil
}

// IndexError names the stream of an index error, and the remedy for damage.
func IndexError(stream string, err error) error {
	if errors.Is(err, dedupe.ErrCorrupt) {
		return NeedsRepair(stream, err)
	}
	return fmt.Errorf("dedupe index of stream %s: %w", stream, err)
}

// NeedsRepair returns an error of class Data, since a retry reads the same bytes.
func NeedsRepair(stream string, err error) error {
	return failure.Wrap(failure.Data, fmt.Errorf("dedupe index of stream %s: %w; run `bursar repair`", stream, err))
}

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
	states, err := catalog.Read(ctx, c, event.States)
	return err != nil || slices.ContainsFunc(states, func(state event.StreamState) bool { return state.Identity != "" })
}
