// Opens a stream's dedupe index: the project's secret, the stream's state and the key of its digests; and looks ids up in it.

// Package ids is what a stream knows of the ids of its events: how rows are digested, and the stream's dedupe index, which it opens,
// compacts, rebuilds from the sealed batches (rule 9) and verifies. The format of the index is in package dedupe, and the key of its
// digests in package identity. It also finds what is retracted and when events were accepted, since both decide whether an id counts. It
// must not know where rows come from.
package ids

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/column"
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
	return Open(ctx, st, s)
}

// indexKey returns the key of a stream's dedupe index; nil for the index of an older project. A key that is not the index's would make
// every id new, so it is refused.
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
	switch {
	case errors.As(err, new(*identity.CopyError)): // a repair would make the key of the other machines useless
		return nil, err
	case err != nil:
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

// OpenSecret opens the project's secret. If it is missing it is created, unless a stream's dedupe index depends on the secret,
// or may because its state cannot be read. Intake is then refused until the indexes are rebuilt.
func OpenSecret(ctx context.Context, c catalog.Catalog, store identity.Store) (*identity.File, error) {
	return identity.Open(store, secretDepended(ctx, c))
}

// identityKey is the key of the document that names the identity key of a project whose catalog several folders use.
const identityKey = "identity"

// identityRecord is that document.
type identityRecord struct {
	Check string `json:"check"`
}

// OpenSharedSecret is OpenSecret for a catalog that several folders use, each with its copy of the secret. The catalog records which
// secret it is at its first use, so that a folder without it is noticed. With renew, a folder without it may make a new one.
func OpenSharedSecret(ctx context.Context, c catalog.Catalog, store identity.Store, renew bool) (*identity.File, error) {
	shared := identity.Shared{Renew: renew, Record: func(check string) error {
		return c.Update(context.WithoutCancel(ctx), func(tx catalog.Tx) error {
			var other identityRecord
			if _, err := tx.Get(identityKey, &other); err != nil {
				return err
			}
			if other.Check != "" && other.Check != check && !renew { // another process has been first
				return &identity.CopyError{Place: store.String(), Reason: "is not the key that the project uses"}
			}
			return tx.Put(identityKey, identityRecord{check})
		})
	}}
	err := c.View(ctx, func(tx catalog.Tx) error {
		var record identityRecord
		found, err := tx.Get(identityKey, &record)
		shared.Check = record.Check
		if err != nil || found {
			return err
		}
		states, err := event.States(tx)
		for i := range states {
			if states[i].Identity != event.NeedsRebuild {
				shared.Check = cmp.Or(shared.Check, states[i].Identity)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which identity key the project uses: %w", err)
	}
	return identity.OpenShared(store, shared), nil
}

// ReadSecret is OpenSecret for read-only callers: it returns nil if the secret is missing and nothing depends on it.
func ReadSecret(ctx context.Context, c catalog.Catalog, path string) (*identity.File, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !secretDepended(ctx, c) {
		return nil, nil
	}
	return identity.Open(identity.InFile(path), true)
}

// secretDepended reports whether a stream's dedupe index depends on the secret, or may.
func secretDepended(ctx context.Context, c catalog.Catalog) bool {
	states, err := catalog.Read(ctx, c, event.States)
	return err != nil || slices.ContainsFunc(states, func(state event.StreamState) bool { return state.Identity != "" })
}

// Find returns those ids of which the stream has events, each with the number of its batch. The stream's id must be one text column without a
// dedupe window. If a table of the index is gone because another process has compacted the index and removed it, it reads the state again.
func Find(ctx context.Context, st *event.Store, s *project.Stream, ids []string) (batches map[string]uint64, err error) {
	err = st.Reread(func() (err error) {
		batches, err = findOnce(ctx, st, s, ids)
		return err
	})
	return batches, err
}

func findOnce(ctx context.Context, st *event.Store, s *project.Stream, ids []string) (batches map[string]uint64, err error) {
	state, _, err := st.ReadState(ctx, s.Name)
	if err != nil || len(state.DedupeTables) == 0 || len(ids) == 0 {
		return nil, err
	}
	key, err := indexKey(st, s.Name, &state)
	if err != nil {
		return nil, err
	}
	index, err := dedupe.Open(ctx, st.Objects, st.Scratch, state.DedupeTables)
	if err != nil {
		return nil, IndexError(s.Name, err)
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	batch, err := index.Begin(dedupe.Window{}, MaxBytes)
	if err != nil {
		return nil, err
	}
	verdicts := make([]dedupe.Verdict, len(ids))
	if err := batch.Check(entriesOf(s, key, ids), verdicts); err != nil {
		return nil, IndexError(s.Name, err)
	}
	receipts := NewReceipts(st, s)
	batches = map[string]uint64{}
	for i, v := range verdicts {
		if v.Kind == dedupe.New || v.First == 0 {
			continue // place 0 is an id that occurs twice in ids
		}
		if batches[ids[i]], err = receipts.batchOfFile(ctx, v.First.File()); err != nil {
			return nil, err
		}
	}
	return batches, nil
}

// entriesOf returns the dedupe entries of ids. Their contents are not needed.
func entriesOf(s *project.Stream, key *identity.Key, ids []string) []dedupe.Entry {
	texts := column.NewVector(column.Type{Kind: column.String}, len(ids))
	for _, id := range ids {
		texts.AppendText([]byte(id))
	}
	seed := column.NameSeed(s.ID[0])
	entries := make([]dedupe.Entry, len(ids))
	var buffer []byte
	for i := range ids {
		buffer = texts.AppendCanonical(buffer[:0], seed, i)
		digest := column.Sum128(buffer)
		if key != nil {
			buffer = identity.Pad(buffer)
			digest = key.ID(buffer)
		}
		entries[i] = dedupe.Entry{Hi: digest.Hi, Lo: digest.Lo}
	}
	return entries
}

// IsLegacy reports whether a stream's dedupe index is from an older project, whose digests have no key. Rebuild converts it.
func IsLegacy(ctx context.Context, st *event.Store, stream string) bool {
	state, found, err := st.ReadState(ctx, stream)
	return err == nil && found && state.Identity == "" && len(state.DedupeTables) > 0
}
