// Looks up ids that a stream already has, before rows are ingested.

package ids

import (
	"context"
	"errors"

	"bursar/internal/column"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/identity"
	"bursar/internal/project"
)

// Find returns those ids of which the stream has events, each with the number of its batch. The stream's id must be one text column without a
// dedupe window.
func Find(ctx context.Context, st *event.Store, s *project.Stream, ids []string) (batches map[string]uint64, err error) {
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
	return batchesOfIDs(ctx, st, s.Name, ids, verdicts)
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

// batchesOfIDs returns the batches of the ids that were found.
func batchesOfIDs(ctx context.Context, st *event.Store, stream string, ids []string, verdicts []dedupe.Verdict) (map[string]uint64, error) {
	batches, files := map[string]uint64{}, map[uint64]uint64{}
	for i, v := range verdicts {
		if v.Kind == dedupe.New || v.First == 0 {
			continue // place 0 is an id that occurs twice in ids
		}
		number := v.First.File()
		if _, read := files[number]; !read {
			file, err := event.FindFile(ctx, st.Catalog, stream, number)
			if err != nil {
				return nil, err
			}
			files[number] = file.Batch
		}
		batches[ids[i]] = files[number]
	}
	return batches, nil
}
