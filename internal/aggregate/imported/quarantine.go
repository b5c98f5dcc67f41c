// The rows in quarantine, without those that a later reading has replaced.

package imported

import (
	"context"
	"encoding/json"
	"errors"

	"bursar/internal/catalog"
	"bursar/internal/event"
	"bursar/internal/object"
)

// Quarantine is event.Quarantine without the rows that a later reading of their file has replaced.
func Quarantine(ctx context.Context, c catalog.Catalog, store object.Store, stream string, each func(event.Rejected) error) error {
	all, err := ListRereads(ctx, c)
	if err != nil {
		return err
	}
	return event.Quarantine(ctx, c, store, stream, func(r event.Rejected) error {
		if len(all) > 0 {
			var parsed struct{ Object string }
			if err := json.Unmarshal([]byte(r.Raw), &parsed); err == nil && all[parsed.Object] != nil && r.Number <= all[parsed.Object].Files[stream] {
				return nil
			}
		}
		return each(r)
	})
}

// CountQuarantine is event.Store.CountQuarantine without such rows.
func CountQuarantine(ctx context.Context, in *event.Store, stream string) (event.QuarantineCount, error) {
	all, err := ListRereads(ctx, in.Catalog)
	if err != nil || len(all) == 0 {
		n, failed := in.CountQuarantine(ctx, stream)
		return n, errors.Join(err, failed)
	}
	n := event.QuarantineCount{Stream: stream}
	err = Quarantine(ctx, in.Catalog, in.Objects, stream, func(r event.Rejected) error {
		if r.Dismissed != nil {
			n.Dismissed++
		} else {
			n.Rows++
		}
		return nil
	})
	return n, err
}
