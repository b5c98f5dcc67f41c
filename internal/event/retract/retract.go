// Package retract excludes a sealed batch or a single event from every view, or takes that back. One catalog transaction does either; nothing sealed
// changes (rule 3). The ids of what is excluded are new again. How retractions are stored and applied to views is in package event.
package retract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/live/answers"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Options say what is retracted and why.
type Options struct {
	Batch  uint64 // 0 is any batch, with Event
	Event  string // the id as it is printed; empty is the whole batch
	Undo   bool   // takes a retraction back
	Reason string
}

// Retracted is the outcome of one call of Retract.
type Retracted struct {
	event.Retraction
	Already bool     `json:"already"`           // it was so before, and nothing was written
	Retries []uint64 `json:"retries,omitempty"` // of a batch: those that contain events out of its quarantine, which still count
}

func noBatch(s *project.Stream, batch, last uint64) error {
	return &event.NoSuchError{What: fmt.Sprintf("batch %d of %s", batch, s.Name), Hint: fmt.Sprintf("its last batch is %d", last)}
}

// Retract excludes a sealed batch or an event from every view from now on, or takes that back. For intake the ids of what is excluded are
// new again, and the files of a batch may be ingested again. One transaction does it; the object is written afterwards, like a manifest.
// The caller must hold the stream exclusively.
func Retract(ctx context.Context, st *event.Store, s *project.Stream, o Options) (Retracted, error) {
	if err := event.CheckGrowth(ctx, st.Catalog, s); err != nil {
		return Retracted{}, err
	}
	state, _, err := st.ReadState(ctx, s.Name)
	if err == nil {
		err = st.EnsureRetraction(ctx, s.Name, state.Retractions)
	}
	if err != nil {
		return Retracted{}, err
	}
	r, err := toRetract(ctx, st, s, &state, o)
	if err != nil {
		return Retracted{}, err
	}
	last, err := st.LastRetractionOf(ctx, &r)
	if err != nil {
		return Retracted{}, err
	}
	if o.Undo {
		return undoLast(ctx, st, s, &state, last, r)
	}
	already := last != nil && last.Undoes == 0
	if already {
		r = *last
	} else if err := putResolving(ctx, st, &state, &r); err != nil {
		return Retracted{}, err
	}
	out, err := retractionOutcome(ctx, st, &r, already)
	if err == nil {
		err = RebuildIfNeeded(ctx, st, s)
	}
	return out, err
}

// putResolving writes a retraction. If that requires a rebuild of the dedupe index, the key must be intact, because indexes of other streams use it.
func putResolving(ctx context.Context, st *event.Store, state *event.StreamState, r *event.Retraction) error {
	if state.MayResolve(r) {
		if _, err := st.Secret.Key(); err != nil {
			return ids.NeedsRepair(r.Stream, err)
		}
	}
	return Put(ctx, st, state, r)
}

// RebuildIfNeeded rebuilds the dedupe index if a retraction requires it, also one of an earlier, interrupted call.
func RebuildIfNeeded(ctx context.Context, st *event.Store, s *project.Stream) error {
	state, found, err := st.ReadState(ctx, s.Name)
	if err != nil || !found || state.Identity != event.NeedsRebuild {
		return err
	}
	return ids.Rebuild(ctx, st, s)
}

func retractionOutcome(ctx context.Context, st *event.Store, r *event.Retraction, already bool) (out Retracted, err error) {
	out = Retracted{Retraction: *r, Already: already}
	if r.Event != "" {
		return out, nil
	}
	err = st.Catalog.View(ctx, func(tx catalog.Tx) error {
		out.Retries = nil
		whole, err := event.WholeBatches(tx, r.Stream)
		if err != nil {
			return err
		}
		_, err = event.EachRetry(tx, r.Stream, r.Batch, func(b *event.Batch) {
			if b.Accepted > 0 && !whole[b.Batch] {
				out.Retries = append(out.Retries, b.Batch)
			}
		})
		return err
	})
	return out, err
}

func toRetract(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, o Options) (event.Retraction, error) {
	r := event.Retraction{
		Stream: s.Name, Number: state.Retractions + 1, Batch: o.Batch, Reason: o.Reason, Files: state.Files,
		At: st.Now().UTC().Truncate(time.Microsecond),
	}
	if o.Event != "" {
		return findEventToRetract(ctx, st, s, state, o, r)
	}
	if o.Batch == 0 || o.Batch > state.Batches {
		return r, noBatch(s, o.Batch, state.Batches)
	}
	err := st.Catalog.View(ctx, func(tx catalog.Tx) error {
		b, err := event.GetFolded(tx, s, s.Name, o.Batch, 0) // with totals that were computed later
		r.Events, r.Totals, r.Definitions, r.Digest = b.Accepted, b.Totals, b.Definitions, b.Digest
		return err
	})
	return r, err
}

// Put writes a retraction, and deletes the answers to the requests of a batch, which may be sent again.
func Put(ctx context.Context, st *event.Store, read *event.StreamState, r *event.Retraction) error {
	err := st.Catalog.Update(ctx, func(tx catalog.Tx) error {
		state, err := event.GetState(tx, r.Stream)
		if err != nil {
			return err
		}
		if !state.SameIntake(read) {
			return errors.New("bug: a batch was sealed meanwhile")
		}
		return Enter(tx, &state, r)
	})
	if err != nil {
		return fmt.Errorf("retract %s: %w", r.What(), err)
	}
	if err := st.WriteRetraction(ctx, r); err != nil { // the next intake of the stream writes it
		st.Log.Warn("the retraction has no object yet", "stream", r.Stream, "retraction", r.Number, "error", err)
	}
	return nil
}

// Enter writes a retraction to the catalog. If it takes another one back, the dedupe index must be rebuilt: entries of events that are
// retracted now may have replaced those that count again.
func Enter(tx catalog.Tx, state *event.StreamState, r *event.Retraction) error {
	state.Retractions = max(state.Retractions, r.Number)
	if r.GivenUp != nil {
		return errors.Join(r.GivenUp.Put(tx), event.PutRetraction(tx, r), event.PutState(tx, r.Stream, state))
	}
	b, err := event.GetBatch(tx, r.Stream, r.Batch)
	if err != nil {
		return err
	}
	if state.MayResolve(r) {
		state.Identity = event.NeedsRebuild
	}
	switch {
	case r.Undoes == 0 && r.Event == "" && b.Spool != 0:
		err = answers.DeleteOfSpool(tx, r.Stream, b.Spool)
	case r.Undoes != 0:
		state.Identity = event.NeedsRebuild
		for i := range b.Files {
			if err == nil && r.Event == "" && b.Files[i].Digest != "" {
				err = event.PutFile(tx, r.Stream, &b.Files[i], b.Spool != 0)
			}
		}
	}
	return errors.Join(err, event.PutRetraction(tx, r), event.PutState(tx, r.Stream, state))
}

func findEventToRetract(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, o Options, r event.Retraction) (event.Retraction, error) {
	found, err := st.FindEvents(ctx, s, o.Event, o.Batch)
	if err != nil {
		return r, err
	}
	if s.Versions && o.Batch != 0 && len(found) > 0 {
		// Of several versions the newest: a repeated command refers to the same one, whatever is retracted by then.
		found = []event.Retraction{slices.MaxFunc(found, byReceipt)}
	}
	if found, err = chooseEvents(ctx, st, found, o.Undo); err != nil {
		return r, err
	}
	switch {
	case len(found) == 0 && o.Batch > state.Batches:
		return r, noBatch(s, o.Batch, state.Batches)
	case len(found) == 0:
		names := strings.Join(s.IDColumns(), ", ")
		if len(s.IDColumns()) > 1 {
			names = "[" + names + "]"
		}
		return r, &event.NoSuchError{What: fmt.Sprintf("event %s of %s", o.Event, s.Name), Hint: fmt.Sprintf("give its %s as `bursar trace` prints it", names)}
	case len(found) > 1 && s.Versions:
		return r, whichVersion(ctx, st, s, found)
	case len(found) > 1:
		return r, failure.Wrap(failure.Data, fmt.Errorf("%d events of %s have the id %s, in batches %d and %d: name the batch, as in `bursar retract %s %d --event ID`",
			len(found), s.Name, o.Event, found[0].Batch, found[1].Batch, s.Name, found[0].Batch))
	}
	r.Batch, r.Event, r.File, r.Row = found[0].Batch, found[0].Event, found[0].File, found[0].Row
	err = st.SumEvent(ctx, s, &r)
	return r, err
}

// chooseEvents returns those of the events with one id that count. If none does, or a retraction is taken back, it returns the last retracted one.
func chooseEvents(ctx context.Context, st *event.Store, found []event.Retraction, undo bool) (chosen []event.Retraction, err error) {
	var out []event.Retraction
	for i := range found {
		last, err := st.LastRetractionOf(ctx, &found[i])
		if err != nil {
			return nil, err
		}
		batch, err := st.LastRetractionOf(ctx, &event.Retraction{Stream: found[i].Stream, Batch: found[i].Batch})
		switch {
		case err != nil:
			return nil, err
		case last != nil && last.Undoes == 0, !undo && batch != nil && batch.Undoes == 0:
			out = append(out, found[i])
		default:
			chosen = append(chosen, found[i])
		}
	}
	if undo && len(out) > 0 || len(chosen) == 0 {
		chosen = out[max(0, len(out)-1):]
	}
	return chosen, nil
}

// byReceipt orders versions as they were received.
func byReceipt(a, b event.Retraction) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
}

const namedVersions = 10

// whichVersion returns an error that names the versions of an event that count, oldest first, and how to choose one.
func whichVersion(ctx context.Context, st *event.Store, s *project.Stream, found []event.Retraction) error {
	slices.SortFunc(found, byReceipt)
	var named []string
	for _, r := range found[max(0, len(found)-namedVersions):] {
		file, err := event.FindFile(ctx, st.Catalog, s.Name, r.File)
		if err != nil {
			return err
		}
		name, row := file.At(r.Row)
		named = append(named, fmt.Sprintf("batch %d (%s, row %d)", r.Batch, name, row))
	}
	last := found[len(found)-1]
	return failure.Wrap(failure.Data, fmt.Errorf("event %s of %s has %d versions, the newest last: %s; name the batch, as in `bursar retract %s %d --event ID`: "+
		"if the batch has several versions, that is the newest", last.Event, s.Name, len(found), strings.Join(named, ", "), s.Name, last.Batch))
}
