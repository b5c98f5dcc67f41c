// Lists retractions that were taken back.

package event

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bursar/internal/catalog"
)

// Undone is a retraction that was taken back: what it excluded counts again.
type Undone struct {
	Stream string    `json:"stream"`
	Batch  uint64    `json:"batch"`
	Event  string    `json:"event,omitempty"` // the id of the only event that it excluded, as JSON; empty is the whole batch
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Undone time.Time `json:"undone"`
}

// What names what was excluded.
func (u *Undone) What() string {
	return (&Retraction{Stream: u.Stream, Batch: u.Batch, Event: u.Event}).What()
}

// UndoneRetractions returns the retractions of a stream that were taken back, oldest first.
func UndoneRetractions(ctx context.Context, c catalog.Catalog, stream string) (undone []Undone, err error) {
	var list []Retraction
	err = c.View(ctx, func(tx catalog.Tx) error {
		list, err = listRetractions(tx, retractionPrefix(stream), noLimit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list retractions of %s: %w", stream, err)
	}
	for i := range list {
		r := &list[i]
		if undo := slices.IndexFunc(list, func(o Retraction) bool { return o.Undoes == r.Number }); undo >= 0 {
			undone = append(undone, Undone{Stream: stream, Batch: r.Batch, Event: r.Event, Reason: r.Reason, At: r.At, Undone: list[undo].At})
		}
	}
	return undone, nil
}
