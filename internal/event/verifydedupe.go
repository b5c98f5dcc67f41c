// Proving that a stream's dedupe index knows exactly the events of its batches.

package event

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/event/memory"
	"bursar/internal/project"
)

// VerifyDedupe checks a stream's dedupe index: that the key is there that it was made with, that each run is what was
// written, that they have as many entries as the batches have events, and that no other runs lie beside them. Its error has
// all that is wrong. The stream may be taken in meanwhile: what has changed under way is looked at again.
func (in *Intake) VerifyDedupe(ctx context.Context, s *project.Stream) error {
	for {
		state, found, err := in.readState(ctx, s.Name)
		if err != nil || !found {
			return err
		}
		faults := in.verifyDedupe(ctx, s, &state)
		if faults == nil || ctx.Err() != nil {
			return errors.Join(faults, ctx.Err())
		}
		now, _, err := in.readState(ctx, s.Name)
		if err != nil || now.sameIntake(&state) && now.Merges == state.Merges {
			return errors.Join(faults, err)
		}
	}
}

// OlderDedupe reports whether a stream's dedupe index is one of an older project, whose digests have no key: RebuildDedupe
// converts it.
func (in *Intake) OlderDedupe(ctx context.Context, stream string) bool {
	state, found, err := in.readState(ctx, stream)
	return err == nil && found && state.Identity == "" && len(state.Memory) > 0
}

func (in *Intake) verifyDedupe(ctx context.Context, s *project.Stream, state *streamState) error {
	_, faults := in.key(s.Name, state)
	for _, run := range state.Memory {
		if err := memory.Verify(ctx, in.Objects, in.Scratch, run); err != nil {
			faults = errors.Join(faults, dedupeError(s.Name, err))
		}
	}
	return errors.Join(faults, in.verifyEntries(ctx, s, state), in.verifyNoOthers(ctx, s.Name, state))
}

// verifyEntries compares numbers. Each accepted event has an entry, or had one that a merge replaced by a newer one of its id.
// Runs of the first format do not say how many they replaced: with a dedupe window they may have fewer.
func (in *Intake) verifyEntries(ctx context.Context, s *project.Stream, state *streamState) error {
	accepted := int64(0)
	err := in.eachBatch(ctx, s.Name, state.Batches, func(b Batch) error {
		accepted += b.Accepted
		return nil
	})
	if err != nil {
		return err
	}
	entries, exact := int64(0), true
	for _, run := range state.Memory {
		entries += run.Entries + run.Replaced
		exact = exact && (run.Digest != "" || s.Dedupe == 0)
	}
	if entries > accepted || entries < accepted && exact {
		return needsRepair(s.Name, fmt.Errorf("it has %d entries, the batches have %d events", entries, accepted))
	}
	return nil
}

// verifyNoOthers finds runs that the catalog does not name. It names those that a crash may have left by their numbers: of
// the next batch and the next merge, or as dropped.
func (in *Intake) verifyNoOthers(ctx context.Context, stream string, state *streamState) error {
	objects, err := in.dedupeObjects(ctx, stream)
	if err != nil {
		return err
	}
	known := append(slices.Clone(state.Dropped), prefix(stream, state.Batches+1)+idsObject,
		mergedRun(stream, state.Merges+1), wholeRun(stream, state.Merges+1))
	for _, run := range state.Memory {
		known = append(known, run.Name)
	}
	slices.Sort(known)
	var faults error
	for _, name := range objects {
		if _, found := slices.BinarySearch(known, name); !found {
			faults = errors.Join(faults, needsRepair(stream, fmt.Errorf("object %s is not in the catalog", name)))
		}
	}
	return faults
}
