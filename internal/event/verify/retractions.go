// Verifies retractions: the catalog's documents and the objects agree, none is missing, and each excludes what its control totals
// state.

package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"bursar/internal/event"
	"bursar/internal/project"
)

// verifyRetractions compares the retractions of the catalog with their objects.
func verifyRetractions(ctx context.Context, st *event.Store, stream string, state *event.StreamState) error {
	list, err := event.AllRetractions(ctx, st.Catalog, stream)
	if err != nil {
		return err
	}
	faults := []error{checkRetractions(ctx, st, stream, state)}
	for i := range list {
		faults = append(faults, Retraction(ctx, st, &list[i]))
	}
	if n := uint64(len(list)); n > state.Retractions {
		faults = append(faults, fmt.Errorf("%d retractions of %s are in the catalog, its state counts %d", n, stream, state.Retractions))
	}
	return errors.Join(faults...)
}

// Retraction compares a retraction of the catalog with its object.
func Retraction(ctx context.Context, st *event.Store, r *event.Retraction) error {
	stored, err := event.ReadRetraction(ctx, st.Objects, r.Stream, r.Number)
	if err == nil && !reflect.DeepEqual(&stored, r) {
		err = fmt.Errorf("%s differs from the catalog", event.RetractionName(r.Stream, r.Number))
	}
	return err
}

// RetractionTotals checks the control totals of what is excluded against its events, and returns their number. An event that is excluded together
// with its batch counts once.
func RetractionTotals(ctx context.Context, st *event.Store, s *project.Stream, batches []event.Batch) (events int64, faults error) {
	list, err := event.Retractions(ctx, st.Catalog, s.Name)
	if err != nil {
		return 0, err
	}
	whole := map[uint64]bool{}
	for i := range list {
		whole[list[i].Batch] = whole[list[i].Batch] || list[i].Event == ""
	}
	for i := range list {
		r := &list[i]
		if r.Batch > uint64(len(batches)) {
			return events, fmt.Errorf("%s is retracted but not sealed", r.What())
		}
		if r.Event == "" || !whole[r.Batch] {
			events += r.Events
		}
		if err := recountRetraction(ctx, st, s, &batches[r.Batch-1], r); err != nil {
			faults = errors.Join(faults, fmt.Errorf("retraction of %s: %w", r.What(), err))
		}
	}
	return events, errors.Join(faults, ctx.Err())
}

// recountRetraction compares a retraction with the batch or the event that it excludes.
func recountRetraction(ctx context.Context, st *event.Store, s *project.Stream, b *event.Batch, r *event.Retraction) error {
	if b.GivenUp != nil { // its former content is unknown
		return nil
	}
	if r.Event == "" {
		same := r.Events == b.Accepted && r.Digest == b.Digest
		for name := range b.Totals { // definitions differ for totals that were computed after the seal
			same = same && (r.Definitions[name] != b.Definitions[name] || maps.Equal(r.Totals[name], b.Totals[name]))
		}
		if !same {
			return errors.New("its control totals differ from those of the batch")
		}
		return nil
	}
	now := *r
	if err := st.SumEvent(ctx, s, &now); err != nil {
		return err
	}
	if now.Events != r.Events || now.Digest != r.Digest {
		return errors.New("its digest differs from that of the event")
	}
	old, recounted := r.Totals.Now(s), now.Totals.Now(s)
	for name := range recounted {
		if r.Definitions[name] == now.Definitions[name] && !maps.Equal(old[name], recounted[name]) {
			return fmt.Errorf("total %s is %v, not %v", name, recounted[name], old[name])
		}
	}
	return nil
}

// checkRetractions returns a *NotInCatalogError for the first retraction of a stream that was made and is not in the catalog: without it, excluded
// events would count, or restored ones would not. A retraction is known to have been made from its object, from the stream's state, or from any
// later retraction, since they are numbered without gaps.
func checkRetractions(ctx context.Context, st *event.Store, stream string, state *event.StreamState) error {
	known, err := st.KnownRetractions(ctx, stream)
	if err != nil {
		return err
	}
	last, err := st.LastRetractionObject(ctx, stream)
	if err != nil {
		return err
	}
	last = max(last, state.Retractions)
	if len(known) > 0 {
		last = max(last, known[len(known)-1])
	}
	for number := uint64(1); number <= last; number++ {
		if number <= uint64(len(known)) && known[number-1] == number {
			continue
		}
		there, err := event.HasObject(ctx, st.Objects, event.RetractionName(stream, number))
		if err != nil {
			return err
		}
		return &event.NotInCatalogError{Stream: stream, Retraction: number, Missing: !there}
	}
	return nil
}
