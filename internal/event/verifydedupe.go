// Proving that a stream's dedupe index knows exactly the events of its batches.

package event

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// VerifyDedupe checks a stream's dedupe index: that the key is there that it was made with, that each table is what was
// written, that they have as many entries as the batches have events, and that no other tables lie beside them. Its error has
// all that is wrong. The stream may be taken in meanwhile: what is sealed under way is not looked at.
func (in *Intake) VerifyDedupe(ctx context.Context, s *project.Stream) error {
	state, found, err := in.readState(ctx, s.Name)
	if err != nil || !found {
		return err
	}
	_, faults := in.key(s.Name, &state)
	faults = errors.Join(faults, in.verifyTables(ctx, s.Name, &state), in.verifyEntries(ctx, s, &state), in.verifyNoStrayTables(ctx, s.Name))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return faults
}

// HasLegacyDedupe reports whether a stream's dedupe index is one of an older project, whose digests have no key: RebuildDedupe
// converts it.
func (in *Intake) HasLegacyDedupe(ctx context.Context, stream string) bool {
	state, found, err := in.readState(ctx, stream)
	return err == nil && found && state.Identity == "" && len(state.DedupeTables) > 0
}

// verifyTables reads every table. One that is merged into another meanwhile may be gone: the merge has read it to the end.
func (in *Intake) verifyTables(ctx context.Context, stream string, state *streamState) error {
	var faults error
	for _, table := range state.DedupeTables {
		fault := dedupe.Verify(ctx, in.Objects, in.Scratch, table)
		if fault == nil {
			continue
		}
		now, _, err := in.readState(ctx, stream)
		if err != nil {
			return errors.Join(faults, err)
		}
		if slices.ContainsFunc(now.DedupeTables, func(r dedupe.TableInfo) bool { return r.Name == table.Name }) {
			faults = errors.Join(faults, dedupeError(stream, fault))
		}
	}
	return faults
}

// verifyEntries compares numbers. Each accepted event has an entry, or had one that a merge replaced by a newer one of its id, or was
// retracted when the index was made anew.
// Tables of the first format do not say how many they replaced: with a dedupe window they may have fewer.
func (in *Intake) verifyEntries(ctx context.Context, s *project.Stream, state *streamState) error {
	accepted := int64(0)
	err := in.eachBatch(ctx, s.Name, state.Batches, func(b Batch) error {
		accepted += b.Accepted
		return nil
	})
	if err != nil {
		return err
	}
	entries, exact := state.Unindexed, true
	for _, table := range state.DedupeTables {
		entries += table.Entries + table.Replaced
		exact = exact && (table.Digest != "" || s.Dedupe == 0)
	}
	if entries > accepted || entries < accepted && exact {
		return needsRepair(s.Name, fmt.Errorf("it has %d entries, the batches have %d events", entries, accepted))
	}
	return nil
}

// verifyNoStrayTables finds tables that the catalog does not name. It names those that a crash may have left by their numbers: of
// the next batch and the next merge, or as dropped. Objects are listed before the catalog is read and after: one that intake makes or
// removes meanwhile is in one of the lists alone.
func (in *Intake) verifyNoStrayTables(ctx context.Context, stream string) error {
	before, err := in.dedupeObjects(ctx, stream)
	if err != nil {
		return err
	}
	state, _, err := in.readState(ctx, stream)
	if err != nil {
		return err
	}
	after, err := in.dedupeObjects(ctx, stream)
	if err != nil {
		return err
	}
	known := append(slices.Clone(state.Dropped), prefix(stream, state.Batches+1)+idsObject,
		mergedTable(stream, state.Merges+1), rebuiltTable(stream, state.Merges+1))
	for _, table := range state.DedupeTables {
		known = append(known, table.Name)
	}
	slices.Sort(known)
	slices.Sort(after)
	var faults error
	for _, name := range before {
		_, named := slices.BinarySearch(known, name)
		if _, stayed := slices.BinarySearch(after, name); stayed && !named {
			faults = errors.Join(faults, needsRepair(stream, fmt.Errorf("object %s is not in the catalog", name)))
		}
	}
	return faults
}
