// Rows of a few values, as columns.

package load

import (
	"iter"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// batchRows is how many rows are passed on at a time.
const batchRows = 1000

// inBatches returns the rows that add makes of items: it appends one value to each column.
func inBatches[T any](columns []column.Field, items iter.Seq[T], add func(row []column.Vector, item T)) warehouse.Rows {
	return func(yield func([]column.Vector, error) bool) {
		rows := column.NewVectors(column.Types(columns), batchRows)
		for item := range items {
			if rows[0].Len() == batchRows {
				if !yield(rows, nil) {
					return
				}
				for i := range rows {
					rows[i].Reset()
				}
			}
			add(rows, item)
		}
		if rows[0].Len() > 0 {
			yield(rows, nil)
		}
	}
}
