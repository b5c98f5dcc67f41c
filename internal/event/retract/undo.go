// Takes a retraction back.

package retract

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/event/ids"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// undoLast takes the last retraction of a batch or an event back, then rebuilds the dedupe index. After a crash in between, a repeat or
// `bursar repair` completes it; intake is refused until then.
func undoLast(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, last *event.Retraction, r event.Retraction) (Retracted, error) {
	if last == nil {
		return Retracted{}, failure.Wrap(failure.Data, fmt.Errorf("%s is not retracted; `bursar status` lists what is", r.What()))
	}
	out := Retracted{Retraction: *last, Already: last.Undoes != 0}
	if !out.Already {
		if err := checkIDsFree(ctx, st, s, state, last); err != nil {
			return Retracted{}, err
		}
		out.Undoes, out.Number, out.Reason, out.At, out.Files = last.Number, r.Number, r.Reason, r.At, r.Files
		if err := Put(ctx, st, state, &out.Retraction); err != nil {
			return Retracted{}, err
		}
		state.Identity = event.NeedsRebuild
	}
	if state.Identity != event.NeedsRebuild {
		return out, nil
	}
	return out, ids.Rebuild(ctx, st, s)
}

// IDReusedError says that an id was accepted again while the event that had it was retracted.
type IDReusedError struct{ text string }

func (e *IDReusedError) Error() string { return e.text }

// Class is Data: it remains until that event is retracted.
func (e *IDReusedError) Class() failure.Class { return failure.Data }

// checkIDsFree refuses to restore events whose ids other events that count have. It compares the digests that intake uses.
func checkIDsFree(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, r *event.Retraction) (err error) {
	retracted, err := ids.LoadRetracted(ctx, st, s, state, nil)
	if err != nil {
		return err
	}
	key, err := st.Secret.Key()
	if err != nil {
		return ids.NeedsRepair(s.Name, err)
	}
	stored, err := ids.NewStored(st, s, state, key)
	if err != nil {
		return err
	}
	defer stored.Close()
	index, err := dedupe.Open(ctx, st.Objects, st.Scratch, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	back, err := index.Begin(dedupe.Window{}, ids.MaxBytes)
	if err != nil {
		return err
	}
	b, err := st.Batch(ctx, r.Stream, r.Batch)
	if err != nil {
		return err
	}
	err = stored.Batch(ctx, b, func(entries []dedupe.Entry, _ *event.Batch) error { return addRestored(back, entries, retracted, r) })
	if err != nil {
		return fmt.Errorf("batch %d: %w", b.Batch, err)
	}
	check := func(entries []dedupe.Entry, other *event.Batch) error {
		known, err := findReused(back, entries, retracted, &b, other, s.Dedupe)
		if err == nil && known != nil {
			err = reusedError(ctx, st, s, r, *known, other)
		}
		return err
	}
	err = st.EachBatch(ctx, s.Name, state.Batches, func(other event.Batch) error {
		if other.Batch == b.Batch {
			return nil
		}
		return stored.Batch(ctx, other, check)
	})
	if reused := (*IDReusedError)(nil); errors.As(err, &reused) {
		return reused
	}
	return err
}

// addRestored adds the ids that count again: of a batch all except those of events that are retracted one by one.
func addRestored(back *dedupe.Batch, entries []dedupe.Entry, retracted *ids.Retracted, r *event.Retraction) error {
	var own []dedupe.Entry
	for _, e := range entries {
		if r.Event == "" && !retracted.Events[e.Place] || r.Event != "" && e.Place.File() == r.File && e.Place.Row() == uint64(r.Row) {
			own = append(own, e)
		}
	}
	return back.Check(own, make([]dedupe.Verdict, len(own)))
}

// findReused returns an event of a batch that has one of the added ids, or nil. Outside the dedupe window ids may be reused.
func findReused(back *dedupe.Batch, entries []dedupe.Entry, retracted *ids.Retracted, b, other *event.Batch, window time.Duration) (*event.Place, error) {
	if window > 0 && other.Sealed.Sub(b.Sealed).Abs() > window {
		return nil, nil
	}
	for _, e := range entries {
		if retracted.Has(e.Place) {
			continue
		}
		if known, err := back.Knows(e); err != nil || known {
			at := event.PlaceOf(e.Place)
			return &at, err
		}
	}
	return nil, nil
}

// reusedError names the event of a batch that has the id now.
func reusedError(ctx context.Context, st *event.Store, s *project.Stream, r *event.Retraction, at event.Place, batch *event.Batch) error {
	found, err := st.EventAt(ctx, s, at)
	if err == nil && found == nil {
		err = fmt.Errorf("bug: no event of %s at %s", s.Name, at)
	}
	if err != nil {
		return err
	}
	return &IDReusedError{fmt.Sprintf(
		"%s cannot count again: batch %d of %s has an event of the same id since; retract that event first: bursar retract %s %d --event %s --reason TEXT",
		r.What(), batch.Batch, s.Name, s.Name, batch.Batch, event.ShellArgument(found.Event))}
}
