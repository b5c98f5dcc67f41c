// Package verify checks what is stored of a stream: batches against their manifests, every object byte by byte, control totals and digests against the
// events, retractions against their objects, and that no event counts twice. It changes nothing; package repair does.
package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"time"

	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/object"
	"bursar/internal/project"
)

const (
	// manifestDelay is how long a batch's manifest may follow its catalog document.
	manifestDelay = 200 * time.Millisecond
	// verifyAttempts bounds the repeated checks of a fault that is found while batches are sealed.
	verifyAttempts = 5
)

// Manifests checks that each sealed batch is in the catalog, that its manifest agrees, and that every sealed batch is known to the catalog; and the
// same for retractions. It returns the batches. The stream may be ingested meanwhile.
func Manifests(ctx context.Context, st *event.Store, stream string) (batches []event.Batch, faults error) {
	sealed := uint64(0)
	for attempt := 1; ; attempt++ {
		state, _, err := st.ReadState(ctx, stream)
		if err != nil {
			return nil, err
		}
		batches, faults = verifyManifests(ctx, st, stream, &state)
		if faults == nil || attempt == verifyAttempts || attempt > 1 && state.Batches+state.Retractions == sealed {
			return batches, faults
		}
		sealed = state.Batches + state.Retractions
		select {
		case <-time.After(manifestDelay):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func verifyManifests(ctx context.Context, st *event.Store, stream string, state *event.StreamState) ([]event.Batch, error) {
	batches, err := event.Batches(ctx, st.Catalog, stream, 0)
	if err != nil {
		return nil, err
	}
	var faults []error
	for i := range batches {
		if due := uint64(i) + 1; batches[i].Batch != due || batches[i].Stream != stream {
			return batches, fmt.Errorf("batch %d of %s is not in the catalog", due, stream)
		}
		if err := Manifest(ctx, st, &batches[i]); err != nil {
			faults = append(faults, err)
		}
	}
	if n := uint64(len(batches)); n != state.Batches {
		faults = append(faults, fmt.Errorf("%d batches of %s are in the catalog, %d were sealed", n, stream, state.Batches))
	}
	faults = append(faults, checkNextUnsealed(ctx, st, stream, state), verifyRetractions(ctx, st, stream, state))
	return batches, errors.Join(faults...)
}

// Manifest compares a batch of the catalog with its manifest.
func Manifest(ctx context.Context, st *event.Store, b *event.Batch) error {
	stored, err := event.ReadManifest(ctx, st.Objects, b.Stream, b.Batch)
	if err != nil && !errors.Is(err, event.ErrNoChecksum) {
		return err
	}
	inCatalog, err := json.Marshal(b)
	if err != nil {
		return err
	}
	inManifest, err := json.Marshal(&stored)
	if err == nil && !bytes.Equal(inCatalog, inManifest) {
		err = fmt.Errorf("%s differs from the catalog", event.ManifestName(b.Stream, b.Batch))
	}
	return err
}

// Objects checks every object of batches against its digest. It calls progress with the bytes of each. It ends at an object that cannot be
// read now: the others would have the same fault.
func Objects(ctx context.Context, st *event.Store, batches []event.Batch, progress func(bytes int64)) (objects int, err error) {
	var faults []error
	for i := range batches {
		for _, o := range batches[i].Stored() {
			objects++
			err := o.Check(ctx, object.Uncached(st.Objects))
			if ctx.Err() != nil {
				return objects, ctx.Err()
			}
			if faults = append(faults, err); object.IsUnavailable(err) {
				return objects, errors.Join(faults...)
			}
			progress(o.Bytes)
		}
		for _, o := range batches[i].Oversize {
			there, err := event.HasObject(ctx, st.Objects, o.Name)
			if err == nil && !there {
				err = fmt.Errorf("open object %s: %w", o.Name, fs.ErrNotExist)
			}
			if faults = append(faults, err); object.IsUnavailable(err) {
				return objects, errors.Join(faults...)
			}
		}
	}
	return objects, errors.Join(faults...)
}

// Totals checks the rows, control totals and digests of batches against their events.
func Totals(ctx context.Context, st *event.Store, s *project.Stream, batches []event.Batch) (events int64, err error) {
	var faults []error
	for _, b := range batches {
		if err := Recount(ctx, st, s, b); err != nil {
			faults = append(faults, fmt.Errorf("batch %d of %s: %w", b.Batch, s.Name, err))
		}
		if ctx.Err() != nil {
			return events, ctx.Err()
		}
		events += b.Accepted
	}
	return events, errors.Join(faults...)
}

// CheckCatalog returns a *NotInCatalogError if the next batch is already sealed, or if a retraction is missing in the catalog. It only looks at names.
func CheckCatalog(ctx context.Context, st *event.Store, stream string) error {
	state, _, err := st.ReadState(ctx, stream)
	if err != nil {
		return fmt.Errorf("read state of stream %s: %w", stream, err)
	}
	if err := checkNextUnsealed(ctx, st, stream, &state); err != nil {
		return err
	}
	return checkRetractions(ctx, st, stream, &state)
}

// checkNextUnsealed checks that the batch after those of a state is not sealed without being in the catalog. Another process may seal it meanwhile.
func checkNextUnsealed(ctx context.Context, st *event.Store, stream string, state *event.StreamState) error {
	err := st.CheckUnsealed(ctx, stream, state.Batches+1)
	if errors.Is(err, event.ErrOvertaken) {
		return nil
	}
	return err
}

// Recount compares a batch's rows, control totals and digest with its events.
func Recount(ctx context.Context, st *event.Store, s *project.Stream, b event.Batch) error {
	if err := b.CheckGrowth(s); err != nil {
		return err
	}
	count := event.NewRecount(s, b.Columns)
	err := st.WithEvents(ctx, s, []event.Batch{b}, func(session *duck.Session, events string) error {
		if err := session.Exec(ctx, "CREATE TEMP VIEW events AS "+events); err != nil {
			return fmt.Errorf("open events: %w", err)
		}
		return count.Read(ctx, session, "events")
	})
	if err != nil {
		return err
	}
	if b.Rows != b.Accepted+b.Quarantined+b.Duplicates {
		return fmt.Errorf("%d rows are not %d accepted + %d quarantined + %d duplicates", b.Rows, b.Accepted, b.Quarantined, b.Duplicates)
	}
	return count.Compare(b)
}

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
	last, err := st.LastRetractionObject(ctx, stream) // before the catalog, into which other processes enter a retraction first
	if err != nil {
		return err
	}
	known, err := st.KnownRetractions(ctx, stream)
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
