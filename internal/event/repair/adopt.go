// Adopts batches: enters sealed batches that the catalog does not contain, from their manifests.

package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"bursar/internal/catalog"
	"bursar/internal/event"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Adopt enters the stream's next batches into the catalog and returns their numbers. A batch is entered only if the catalog already contains its
// document, or if its manifest and all its objects match what was sealed. The dedupe index must be rebuilt afterwards.
func Adopt(ctx context.Context, st *event.Store, s *project.Stream) (adopted []uint64, err error) {
	state, last, err := stateAndLastSealed(ctx, st, s.Name)
	if err != nil {
		return nil, err
	}
	for number := state.Batches + 1; number <= last; number++ {
		if err := adopt(ctx, st, s, number); err != nil {
			return adopted, err
		}
		adopted = append(adopted, number)
	}
	return adopted, nil
}

// stateAndLastSealed returns a stream's state and the number of its newest sealed batch, which the state may not count yet.
func stateAndLastSealed(ctx context.Context, st *event.Store, stream string) (state event.StreamState, last uint64, err error) {
	if state, _, err = st.ReadState(ctx, stream); err == nil {
		last, err = st.LastSealed(ctx, &state, stream)
	}
	return state, last, err
}

// lastRetracted returns the highest number of a batch that a readable retraction refers to.
func lastRetracted(ctx context.Context, st *event.Store, stream string) (last uint64, err error) {
	known, err := event.AllRetractions(ctx, st.Catalog, stream)
	if err != nil {
		return 0, err
	}
	for i := range known {
		last = max(last, known[i].Batch)
	}
	objects, err := st.LastRetractionObject(ctx, stream)
	for n := uint64(1); n <= objects && err == nil; n++ {
		if r, err := event.ReadRetraction(ctx, st.Objects, stream, n); err == nil {
			last = max(last, r.Batch)
		}
		err = ctx.Err()
	}
	return last, err
}

// adopt enters the batch after those that the stream's state counts.
func adopt(ctx context.Context, st *event.Store, s *project.Stream, number uint64) error {
	b, known, err := st.KnownBatch(ctx, s.Name, number)
	if err == nil && !known {
		b, err = verifiedManifest(ctx, st, s, number)
	}
	if err == nil {
		err = st.Catalog.Update(ctx, func(tx catalog.Tx) error { return enterBatch(tx, &b) })
	}
	if err != nil {
		return fmt.Errorf("adopt batch %d of %s: %w", number, s.Name, err)
	}
	return nil
}

// verifiedManifest reads a manifest and checks everything it states against the objects.
func verifiedManifest(ctx context.Context, st *event.Store, s *project.Stream, number uint64) (b event.Batch, err error) {
	b, err = event.ReadManifest(ctx, st.Objects, s.Name, number)
	noChecksum := errors.Is(err, event.ErrNoChecksum)
	if err != nil && !noChecksum {
		return b, err
	}
	if err := event.CheckStored(ctx, st.Objects, &b); object.IsUnavailable(err) {
		return b, err
	} else if err != nil {
		return b, failure.Wrap(failure.Data, err)
	}
	if noChecksum {
		err = eventverify.Recount(ctx, st, s, b)
	}
	return b, err
}

// enterBatch writes what sealing the batch would have written.
func enterBatch(tx catalog.Tx, b *event.Batch) error {
	state, err := event.GetState(tx, b.Stream)
	if err != nil {
		return err
	}
	if state.Batches != b.Batch-1 {
		return fmt.Errorf("%d batches are in the catalog", state.Batches)
	}
	state.Batches, state.Columns, state.Declared = b.Batch, b.Columns, b.Declared
	state.Identity = event.NeedsRebuild
	state.Listed = cmp.Or(state.Listed, b.Batch)
	state.Spools, state.Retractions = max(state.Spools, b.Spool), max(state.Retractions, b.Retractions)
	for i := range b.Files {
		state.Files = max(state.Files, b.Files[i].Number)
		if err := event.PutFile(tx, b.Stream, &b.Files[i], b.Spool != 0); err != nil {
			return err
		}
	}
	return errors.Join(event.PutBatch(tx, b), event.MarkRetried(tx, b, b.Batch), event.PutState(tx, b.Stream, &state))
}
