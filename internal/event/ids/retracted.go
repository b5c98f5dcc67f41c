// The retracted events, ids and files that intake treats as not seen.

package ids

import (
	"context"
	"fmt"

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
