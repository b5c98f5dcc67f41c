// Repairs retractions: enters those that the catalog lacks, and writes objects again.

package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/object"
)

// repairRetractions makes the retractions in the catalog and their objects consistent. The batches must be repaired before.
func repairRetractions(ctx context.Context, st *event.Store, stream string, backup Backup, r *Repaired) error {
	list, err := event.AllRetractions(ctx, st.Catalog, stream)
	if err != nil {
		return err
	}
	known := map[uint64]*event.Retraction{}
	last := uint64(0)
	for i := range list {
		known[list[i].Number] = &list[i]
		last = max(last, list[i].Number)
	}
	state, _, err := st.ReadState(ctx, stream)
	if err != nil {
		return err
	}
	objects, err := st.LastRetractionObject(ctx, stream)
	if err != nil {
		return err
	}
	for number := uint64(1); ; number++ {
		if number > max(last, state.Retractions, objects) {
			// If both the last object and its catalog document are missing, only a copy of the project has it.
			if more, err := restoreRetraction(ctx, stream, number, backup); err != nil || !more {
				return errors.Join(err, restoreCounter(ctx, st, stream, &state, last))
			}
		}
		if err := repairRetraction(ctx, st, stream, number, known[number], backup, r); err != nil {
			return err
		}
	}
}

// restoreCounter restores the number of the last retraction if the stream's state lacks it and the documents do not.
func restoreCounter(ctx context.Context, st *event.Store, stream string, state *event.StreamState, last uint64) error {
	if state.Retractions >= last {
		return nil
	}
	return st.ChangeState(ctx, stream, func(s *event.StreamState) { s.Retractions = max(s.Retractions, last) })
}

// restoreRetraction restores the object of a retraction from a copy of the project.
func restoreRetraction(ctx context.Context, stream string, number uint64, backup Backup) (found bool, err error) {
	return backup.File(ctx, event.RetractionName(stream, number), func(text []byte) bool {
		_, err := event.DecodeRetraction(text, stream, number)
		return err == nil
	})
}

// repairRetraction writes the object of a retraction in the catalog, or enters one that the catalog lacks.
func repairRetraction(ctx context.Context, st *event.Store, stream string, number uint64, known *event.Retraction, backup Backup, r *Repaired) error {
	if known != nil {
		if err := eventverify.Retraction(ctx, st, known); err == nil || object.IsUnavailable(err) {
			return err
		}
		if err := st.WriteRetraction(ctx, known); err != nil {
			return err
		}
		r.note("wrote retraction %d of %s again", number, stream)
		return nil
	}
	stored, fault := event.ReadRetraction(ctx, st.Objects, stream, number)
	if object.IsUnavailable(fault) {
		return fault
	}
	if fault != nil {
		found, err := restoreRetraction(ctx, stream, number, backup)
		if err == nil && found {
			stored, err = event.ReadRetraction(ctx, st.Objects, stream, number)
		}
		if err != nil {
			return err
		}
		if missing, _ := isMissing(fault); !found && !missing {
			r.Broken = append(r.Broken, fmt.Errorf("read retraction %d of %s: %w", number, stream, fault))
			return ctx.Err()
		}
		if !found {
			r.Broken = append(r.Broken, fmt.Errorf("%w (%w)", &event.NotInCatalogError{Stream: stream, Retraction: number, Missing: true}, fault))
			return ctx.Err()
		}
	}
	if err := reenterRetraction(ctx, st, &stored); err != nil {
		r.Broken = append(r.Broken, fmt.Errorf("enter retraction %d of %s: %w", number, stream, err))
		return ctx.Err()
	}
	r.note("entered retraction %d of %s in the catalog again", number, stream)
	return nil
}

// retractionMissing reports whether a retraction was made that is neither in the catalog nor among the objects.
func retractionMissing(ctx context.Context, st *event.Store, stream string, number uint64) (bool, error) {
	state, _, err := st.ReadState(ctx, stream)
	if err != nil {
		return false, err
	}
	known, err := st.KnownRetractions(ctx, stream)
	if err != nil || slices.Contains(known, number) {
		return false, err
	}
	last, err := st.LastRetractionObject(ctx, stream)
	if err != nil || number == 0 || number > max(last, state.Retractions, slices.Max(append(known, 0))) {
		return false, err
	}
	_, err = event.ReadRetraction(ctx, st.Objects, stream, number)
	return isMissing(err)
}

// reenterRetraction enters a retraction that was made in the catalog. The dedupe index was built without it.
func reenterRetraction(ctx context.Context, st *event.Store, r *event.Retraction) error {
	return st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		state, err := event.GetState(tx, r.Stream)
		if err != nil {
			return err
		}
		state.Identity = event.NeedsRebuild
		return retract.Enter(tx, &state, r)
	})
}
