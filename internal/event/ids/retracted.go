// What decides whether an id counts: retractions, and the times of receipt of events.

package ids

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/event/dedupe"
	"bursar/internal/project"
)

// Retracted is what is retracted of a stream, by the place where events were read; nil is nothing. Rows accepted out of quarantine belong to a
// later batch than their file, so they are listed one by one.
type Retracted struct {
	batches  map[uint64]bool       // retracted as a whole
	files    map[uint64]bool       // of these batches
	Events   map[dedupe.Place]bool // retracted one by one
	rows     map[dedupe.Place]bool // accepted out of quarantine by batches that are retracted as a whole
	kept     map[dedupe.Place]bool // rows of these files in batches that are not retracted
	lastFile uint64                // files up to this one were ingested before a retraction
}

// Has reports whether the event at a place is retracted.
func (f *Retracted) Has(p dedupe.Place) bool {
	return f != nil && (f.Events[p] || f.rows[p] || f.files[p.File()] && !f.kept[p])
}

// Add adds the event at a place.
func (f *Retracted) Add(p event.Place) (*Retracted, error) {
	place, err := dedupe.PlaceOf(p.File, uint64(p.Row))
	if err != nil {
		return nil, err
	}
	if f == nil {
		f = &Retracted{Events: map[dedupe.Place]bool{}}
	}
	f.Events[place] = true
	return f, nil
}

// HasBatch reports whether a batch is retracted as a whole.
func (f *Retracted) HasBatch(batch uint64) bool { return f != nil && f.batches[batch] }

// ReadsAgain reports whether an ingested file is read again when it is ingested again: because its events are retracted, or because its duplicates of
// retracted events may now be new. With a dedupe window the latter is not done, since the file's own ids may be outside the window.
func (f *Retracted) ReadsAgain(file *event.File, s *project.Stream) bool {
	return f.HasBatch(file.Batch) || f != nil && s.Dedupe == 0 && file.Number <= f.lastFile
}

// ReadPlaces are the places of the events of batches, by batch number. Sealed batches never change (rule 3), so they are read once.
type ReadPlaces map[uint64][]dedupe.Place

// of returns the places of a batch. A nil cache keeps nothing.
func (c ReadPlaces) of(ctx context.Context, st *event.Store, s *project.Stream, b *event.Batch) (places []dedupe.Place, err error) {
	if places, read := c[b.Batch]; read {
		return places, nil
	}
	if places, err = st.EventPlaces(ctx, s, b); err == nil && c != nil {
		c[b.Batch] = places
	}
	return places, err
}

// LoadRetracted returns what is retracted of a stream. It caches what it reads of batches in places, unless that is nil.
func LoadRetracted(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, places ReadPlaces) (*Retracted, error) {
	if state.Retractions == 0 {
		return nil, nil
	}
	list, err := event.Retractions(ctx, st.Catalog, s.Name)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	f := &Retracted{batches: map[uint64]bool{}, files: map[uint64]bool{}, Events: map[dedupe.Place]bool{}, rows: map[dedupe.Place]bool{}, kept: map[dedupe.Place]bool{}}
	for _, r := range list {
		if r.For == nil { // an accepted row has the id of the event that it replaces
			f.lastFile = max(f.lastFile, r.Files)
		}
		if r.Event == "" {
			f.batches[r.Batch] = true
			continue
		}
		if f, err = f.Add(event.Place{File: r.File, Row: r.Row}); err != nil {
			return nil, err
		}
	}
	if len(f.batches) == 0 {
		return f, nil
	}
	retries, err := listRetries(ctx, st, s.Name, f)
	if err == nil && len(retries) > 0 {
		err = addRetriedRows(ctx, st, s, retries, f, places)
	}
	if err != nil {
		return nil, fmt.Errorf("find what is retracted of %s: %w", s.Name, err)
	}
	return f, nil
}

// listRetries adds the files of the batches that are retracted as a whole. It returns the batches that accepted rows of these files out of quarantine,
// and the retracted batches that accepted rows of other files out of quarantine.
func listRetries(ctx context.Context, st *event.Store, stream string, f *Retracted) ([]event.Batch, error) {
	return catalog.Read(ctx, st.Catalog, func(tx catalog.Tx) (retries []event.Batch, err error) {
		listed := map[uint64]bool{}
		list := func(b *event.Batch) {
			if b.Accepted > 0 && !listed[b.Batch] {
				listed[b.Batch] = true
				retries = append(retries, *b)
			}
		}
		for number := range f.batches {
			b, err := event.GetBatch(tx, stream, number)
			if err != nil {
				return nil, err
			}
			for i := range b.Files {
				f.files[b.Files[i].Number] = true
			}
			if len(b.Retried) > 0 {
				list(&b)
			}
			if _, err := event.EachRetry(tx, stream, number, list); err != nil {
				return nil, err
			}
		}
		return retries, nil
	})
}

// addRetriedRows adds the places of rows that batches accepted out of quarantine.
func addRetriedRows(ctx context.Context, st *event.Store, s *project.Stream, retries []event.Batch, f *Retracted, places ReadPlaces) error {
	for i := range retries {
		b := &retries[i]
		read, err := places.of(ctx, st, s, b)
		if err != nil {
			return err
		}
		rows := f.kept
		if f.batches[b.Batch] {
			rows = f.rows
		}
		for _, p := range read {
			rows[p] = true
		}
	}
	return nil
}

// Receipts finds the batch that accepted the event at a place, and caches what it reads. It is for one goroutine.
type Receipts struct {
	store   *event.Store
	stream  *project.Stream
	files   map[uint64]uint64        // file number to batch number
	retries map[uint64][]event.Batch // by the batch of a file: the batches that accepted rows out of its quarantine
	rows    ReadPlaces               // of these batches
	sealed  map[uint64]time.Time
}

// NewReceipts returns the receipts of a stream's events.
func NewReceipts(st *event.Store, s *project.Stream) *Receipts {
	return &Receipts{
		store: st, stream: s, files: map[uint64]uint64{}, retries: map[uint64][]event.Batch{}, rows: ReadPlaces{}, sealed: map[uint64]time.Time{},
	}
}

// batchOfEvent returns the number of the batch that accepted the event at a place.
func (r *Receipts) batchOfEvent(ctx context.Context, p dedupe.Place) (uint64, error) {
	batch, err := r.batchOfFile(ctx, p.File())
	if err != nil {
		return 0, err
	}
	retries, err := r.retriesOf(ctx, batch)
	if err != nil {
		return 0, err
	}
	for i := range retries {
		rows, err := r.rows.of(ctx, r.store, r.stream, &retries[i])
		if err != nil {
			return 0, err
		}
		if _, is := slices.BinarySearch(rows, p); is {
			return retries[i].Batch, nil
		}
	}
	return batch, nil
}

// AcceptedAt returns when the event at a place was accepted.
func (r *Receipts) AcceptedAt(ctx context.Context, p dedupe.Place) (at time.Time, err error) {
	batch, err := r.batchOfEvent(ctx, p)
	if err != nil {
		return at, err
	}
	if at, is := r.sealed[batch]; is {
		return at, nil
	}
	b, err := r.store.Batch(ctx, r.stream.Name, batch)
	if err == nil {
		r.sealed[batch] = b.Sealed
	}
	return b.Sealed, err
}

// newer reports which of two events with one id counts and was accepted later.
func (r *Receipts) newer(ctx context.Context, retracted *Retracted) dedupe.Newer {
	return func(a, b dedupe.Place) (bool, error) {
		if retracted.Has(a) != retracted.Has(b) {
			return retracted.Has(b), nil
		}
		if r.stream.Dedupe == 0 { // only one of them counts
			return a > b, nil
		}
		first, err := r.batchOfEvent(ctx, a)
		if err != nil {
			return false, err
		}
		second, err := r.batchOfEvent(ctx, b)
		if first == second {
			return a > b, err
		}
		return first > second, err
	}
}

func (r *Receipts) batchOfFile(ctx context.Context, number uint64) (uint64, error) {
	if batch, is := r.files[number]; is {
		return batch, nil
	}
	file, err := event.FindFile(ctx, r.store.Catalog, r.stream.Name, number)
	if err == nil {
		r.files[number] = file.Batch
	}
	return file.Batch, err
}

// retriesOf returns the batches that accepted rows out of a batch's quarantine, in order.
func (r *Receipts) retriesOf(ctx context.Context, batch uint64) ([]event.Batch, error) {
	if list, is := r.retries[batch]; is {
		return list, nil
	}
	list, err := catalog.Read(ctx, r.store.Catalog, func(tx catalog.Tx) (list []event.Batch, err error) {
		_, err = event.EachRetry(tx, r.stream.Name, batch, func(b *event.Batch) {
			if b.Accepted > 0 {
				list = append(list, *b)
			}
		})
		return list, err
	})
	if err != nil {
		return nil, fmt.Errorf("find rows accepted out of the quarantine of batch %d of %s: %w", batch, r.stream.Name, err)
	}
	r.retries[batch] = list
	return list, nil
}
