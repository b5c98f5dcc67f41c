// Verifies that dismissed rows are in quarantine.

package verify

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/event"
)

// StrayDismissals returns the dismissals whose rows are in no quarantine, including those of retracted batches, and the total number.
func StrayDismissals(ctx context.Context, st *event.Store, stream string) (left map[event.Place]event.Dismissal, all int, err error) {
	if left, err = event.Dismissals(ctx, st.Catalog, stream); err != nil || len(left) == 0 {
		return nil, 0, err
	}
	all = len(left)
	open, retracted, _, err := event.OpenQuarantines(ctx, st.Catalog, stream)
	if err == nil {
		err = event.EachRejected(ctx, st.Objects, append(open, retracted...), func(row event.Rejected) error {
			delete(left, row.Place())
			return nil
		})
	}
	if err != nil || len(left) == 0 {
		return left, all, err
	}
	now, err := event.Dismissals(ctx, st.Catalog, stream) // one may be undone meanwhile, and its row accepted
	for row := range left {
		if _, is := now[row]; !is {
			delete(left, row)
		}
	}
	return left, all, err
}

// Dismissals checks that every dismissed row of a stream is in quarantine. It returns their number.
func Dismissals(ctx context.Context, st *event.Store, stream string) (rows int, faults error) {
	left, rows, err := StrayDismissals(ctx, st, stream)
	if err != nil {
		return rows, err
	}
	for row := range left {
		faults = errors.Join(faults, fmt.Errorf("row %s of %s is dismissed but not in quarantine", row, stream))
	}
	return rows, faults
}
