// Package repair makes what is stored of a stream consistent again: manifests from the catalog, the catalog from manifests, objects from a copy of the
// project. It enters a batch only if its manifest and all its objects match what was sealed, and replaces what is missing for good by an empty batch
// or a retraction without effect, if the caller names it. It must not change what is sealed (rule 3), and may be repeated after a crash.
package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/project"
)

// Backup restores objects that cannot be recreated from a copy of the project. Each method reports whether it restored the object.
type Backup interface {
	// Object restores an object whose bytes match the description.
	Object(ctx context.Context, d object.Description) (bool, error)
	// File restores an object whose bytes right accepts.
	File(ctx context.Context, name string, right func(text []byte) bool) (bool, error)
}

// Repaired reports what the repair of a stream has done, and what is still broken.
type Repaired struct {
	Done   []string
	Broken []error
}

func (r *Repaired) note(format string, args ...any) {
	r.Done = append(r.Done, fmt.Sprintf(format, args...))
}

// Stream makes the stream's batches in the catalog, their manifests and their objects consistent, and adopts batches that the catalog does not
// contain. It does the same for retractions. What is given up is replaced by an empty batch or retraction. It may be repeated after a crash.
// It does not repair the dedupe index.
func Stream(ctx context.Context, st *event.Store, s *project.Stream, backup Backup, give GiveUp) (r Repaired, err error) {
	state, last, err := stateAndLastSealed(ctx, st, s.Name)
	if err != nil {
		return r, err
	}
	retracted, err := lastRetracted(ctx, st, s.Name)
	if err != nil {
		return r, err
	}
	last = max(last, retracted)
	if give, err = checkGiveUp(ctx, st, s, last, give); err != nil {
		return r, err
	}
	for number := uint64(1); number <= last; number++ {
		if slices.Contains(give.Batches, number) {
			if err := giveUpBatch(ctx, st, s, number, last, give, &r); err != nil {
				return r, err
			}
		} else if number > state.Batches {
			if err := restoreNext(ctx, st, s.Name, number, backup, &r); err != nil {
				return r, err
			}
			if err := adopt(ctx, st, s, number); object.IsUnavailable(err) {
				return r, err
			} else if err != nil {
				r.Broken = append(r.Broken, fmt.Errorf("%w; the following batches, up to %d, wait for it; %s", err, last, event.RepairHint(fmt.Sprintf("batch %d of %s", number, s.Name))))
				return r, ctx.Err()
			}
			r.note("adopted batch %d of %s", number, s.Name)
		}
		if err := repairBatch(ctx, st, s, number, backup, &r); err != nil {
			return r, err
		}
	}
	if err = giveUpRetractions(ctx, st, s.Name, give, &r); err == nil {
		err = repairRetractions(ctx, st, s.Name, backup, &r)
	}
	if err == nil {
		err = repairDismissals(ctx, st, s.Name, &r)
	}
	return r, err
}

// repairBatch repairs one batch that the catalog counts.
func repairBatch(ctx context.Context, st *event.Store, s *project.Stream, number uint64, backup Backup, r *Repaired) error {
	var b event.Batch
	var known, indexed bool
	err := st.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		if b, known, err = event.FindBatch(tx, s.Name, number); err != nil || !known {
			return err
		}
		indexed, err = event.FilesKnown(tx, &b)
		return err
	})
	if err != nil {
		return err
	}
	if !known {
		if err := restoreNext(ctx, st, s.Name, number, backup, r); err != nil {
			return err
		}
		if b, err = verifiedManifest(ctx, st, s, number); object.IsUnavailable(err) {
			return err
		} else if err != nil {
			r.Broken = append(r.Broken, fmt.Errorf("batch %d of %s is not in the catalog: %w; %s", number, s.Name, err, event.RepairHint(fmt.Sprintf("batch %d of %s", number, s.Name))))
			return ctx.Err()
		}
	}
	if !indexed {
		err := st.Catalog.Update(ctx, func(tx catalog.Tx) error { return event.ReenterBatch(tx, &b) })
		if err != nil {
			return err
		}
		r.note("entered batch %d of %s in the catalog again", number, s.Name)
	}
	if err := eventverify.Manifest(ctx, st, &b); object.IsUnavailable(err) {
		return err
	} else if err != nil {
		if err := st.WriteManifest(ctx, &b); err != nil {
			return err
		}
		r.note("wrote the manifest of batch %d of %s again", number, s.Name)
	}
	return restoreObjects(ctx, st, &b, backup, r)
}

// restoreNext restores from the backup what is missing of a batch that the catalog does not contain: its manifest, then its objects.
func restoreNext(ctx context.Context, st *event.Store, stream string, number uint64, backup Backup, r *Repaired) error {
	b, err := event.ReadManifest(ctx, st.Objects, stream, number)
	if object.IsUnavailable(err) {
		return err
	}
	if err != nil && !errors.Is(err, event.ErrNoChecksum) {
		found, err := backup.File(ctx, event.ManifestName(stream, number), func(text []byte) bool {
			restored, err := event.DecodeManifest(text)
			b = restored
			return err == nil && restored.Stream == stream && restored.Batch == number
		})
		if err != nil || !found {
			return err
		}
		r.note("restored the manifest of batch %d of %s", number, stream)
	}
	return restoreObjects(ctx, st, &b, backup, r)
}

// restoreObjects restores damaged and missing objects. It records what the backup lacks as broken.
func restoreObjects(ctx context.Context, st *event.Store, b *event.Batch, backup Backup, r *Repaired) error {
	for _, o := range b.Stored() {
		damage := o.Check(ctx, object.Uncached(st.Objects))
		switch {
		case damage == nil:
			continue
		case object.IsUnavailable(damage):
			return damage
		}
		found, err := backup.Object(ctx, o)
		if err != nil {
			return err
		}
		if found {
			r.note("restored %s", o.Name)
			continue
		}
		what := fmt.Sprintf("batch %d of %s", b.Batch, b.Stream)
		r.Broken = append(r.Broken, fmt.Errorf("%s: %w; %s", what, damage, event.RepairHint(what)))
	}
	return ctx.Err()
}

// repairDismissals removes dismissals whose rows are not in quarantine: an older catalog contains some for rows that were accepted since. If a
// quarantine cannot be read, it removes nothing.
func repairDismissals(ctx context.Context, st *event.Store, stream string, r *Repaired) error {
	left, _, err := eventverify.StrayDismissals(ctx, st, stream)
	if err != nil || len(left) == 0 {
		return ctx.Err()
	}
	err = st.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		for row := range left {
			err = errors.Join(err, event.DeleteDismissal(tx, stream, row))
		}
		return err
	})
	if err == nil {
		r.note("removed %d dismissals of rows of %s that are not in quarantine", len(left), stream)
	}
	return err
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
	if err := object.CheckAll(ctx, object.Uncached(st.Objects), b.Stored(), 1); object.IsUnavailable(err) {
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
