// Checks the objects of sealed batches against their descriptions before they are read.

package event

import (
	"context"
	"fmt"

	"bursar/internal/object"
)

// CheckObjects reads the event objects of batches and compares them with what was sealed, so that a changed byte never becomes a wrong figure.
// Events cannot be recreated from anything else; the remedy is a backup.
func CheckObjects(ctx context.Context, store object.Store, batches []Batch, workers int) error {
	var all []object.Description
	for i := range batches {
		all = append(all, batches[i].Objects...)
	}
	if err := object.CheckAll(ctx, store, all, workers); err != nil {
		return WithRestoreHint(err)
	}
	return nil
}

// WithRestoreHint adds the remedy to an error about a damaged or missing sealed object.
func WithRestoreHint(err error) error {
	if !object.IsDamage(err) {
		return err
	}
	return fmt.Errorf("read sealed events: %w; `bursar repair --from BACKUP` puts it back from a copy of the project", err)
}

// FilterStream returns the batches of one stream.
func FilterStream(batches []Batch, stream string) (own []Batch) {
	for _, b := range batches {
		if b.Stream == stream {
			own = append(own, b)
		}
	}
	return own
}
