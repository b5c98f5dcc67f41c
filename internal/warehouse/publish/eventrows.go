// Reading the events of batches as rows of a table.

package publish

import (
	"context"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/warehouse"
)

// batchesAtOnce bounds the batches that one query reads.
const batchesAtOnce = 64

// readBatches reads batches without what the retractions that this publication knows exclude.
func (e *eventsPublication) readBatches(ctx context.Context, first, last uint64) ([]event.Batch, error) {
	return catalog.Read(ctx, e.Events.Catalog, func(tx catalog.Tx) (batches []event.Batch, err error) {
		for n := first; n <= last; n++ {
			b, err := event.GetFolded(tx, e.stream, e.stream.Name, n, e.at.retraction)
			if err != nil {
				return nil, err
			}
			batches = append(batches, b)
		}
		return batches, nil
	})
}

// rows reads the events of batches, each with the number of its batch.
func (e *eventsPublication) rows(ctx context.Context, batches []event.Batch) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) {
		for i := range batches {
			if len(batches[i].Objects) == 0 {
				continue
			}
			for rows, err := range e.batchRows(ctx, batches[i:i+1]) {
				if !yield(rows, err) || err != nil {
					return
				}
			}
		}
	}
}

func (e *eventsPublication) batchRows(ctx context.Context, batch []event.Batch) warehouse.Rows {
	fields := event.Fields(e.stream)
	number := column.NewVector(column.Type{Kind: column.BigInt}, 0)
	return warehouse.RowsOf(func(each func([]column.Vector) error) error {
		return e.Events.WithEvents(ctx, e.stream, batch, func(session *duck.Session, events string) error {
			return session.Query(ctx, events, func(rows []column.Vector) error {
				column.Declare(rows, fields)
				number.Reset()
				for range rows[0].Len() {
					number.AppendInt(int64(batch[0].Batch))
				}
				return each(append(slices.Clip(rows), number))
			})
		})
	})
}
