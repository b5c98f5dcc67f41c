// Rows that a function reads.

package warehouse

import (
	"errors"

	"bursar/internal/column"
	"bursar/internal/failure"
)

// RowsOf makes an iterator of a function that calls each with rows, and ends with an error of each.
func RowsOf(read func(each func([]column.Vector) error) error) Rows {
	return func(yield func([]column.Vector, error) bool) {
		err := read(func(rows []column.Vector) error {
			if !yield(rows, nil) {
				return failure.ErrStop
			}
			return nil
		})
		if !errors.Is(err, failure.ErrStop) && err != nil {
			yield(nil, err)
		}
	}
}
