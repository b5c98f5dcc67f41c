// Removes dismissals of rows that are not in quarantine.

package repair

import (
	"context"
	"errors"

	"bursar/internal/catalog"
	"bursar/internal/event"
	eventverify "bursar/internal/event/verify"
)

// repairDismissals removes dismissals whose rows are not in quarantine: an older catalog contains some for rows that were accepted since. If a
// quarantine cannot be read, it removes nothing.
func repairDismissals(ctx context.Context, st *event.Store, stream string, r *Repaired) error {
	left, _, err := eventverify.StrayDismissals(ctx, st, stream)
	if err != nil || len(left) == 0 {
		return ctx.Err()
	}
	err = st.Catalog.Update(ctx, func(tx catalog.Tx) (err error) {
		for row := range left {
			err = errors.Join(err, event.DeleteDismissal(tx, stream, row))
		}
		return err
	})
	if err == nil {
		r.note("removed %d dismissals of rows of %s that are not in quarantine", len(left), stream)
	}
	return err
}
