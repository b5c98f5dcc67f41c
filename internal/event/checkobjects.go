// Comparing the events of sealed batches with their manifests before they are folded, printed or judged.

package event

import (
	"context"
	"fmt"

	"bursar/internal/object"
)

// CheckObjects reads the events objects of batches and compares them with what was sealed: a changed byte must not become
// a wrong figure. Events cannot be made again from anything else, so the remedy is a backup.
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

// WithRestoreHint adds the remedy to an error about a sealed object that is damaged or missing.
func WithRestoreHint(err error) error {
	if !object.IsDamage(err) {
		return err
	}
	return fmt.Errorf("read sealed events: %w; `bursar repair --from BACKUP` puts it back from a copy of the project", err)
}

// FilterStream are those of the batches that are of one stream.
func FilterStream(batches []Batch, stream string) (own []Batch) {
	for _, b := range batches {
		if b.Stream == stream {
			own = append(own, b)
		}
	}
	return own
}
