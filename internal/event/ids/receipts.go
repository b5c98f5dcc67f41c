// Times of receipt of events: that of their file, or of the later batch that accepted their row out of quarantine.

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
