// How many rows that were received before the watermark of a table are not in it, because they were rejected.

package publish

import (
	"context"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/event"
)

// quarantined counts the rows of streams that wait in quarantine, and those that left it with batches after the watermark: a table with this
// watermark does not have them yet.
func (p *Publisher) quarantined(ctx context.Context, streams []string, watermark *time.Time) (rows int64, err error) {
	for _, stream := range streams {
		count, err := p.Events.CountQuarantine(ctx, stream)
		if err != nil {
			return 0, err
		}
		later, err := p.retriedAfter(ctx, stream, watermark)
		if err != nil {
			return 0, err
		}
		rows += count.Rows + later
	}
	return rows, nil
}

// retriedAfter counts the rows of quarantines that batches sealed after the watermark have retried.
func (p *Publisher) retriedAfter(ctx context.Context, stream string, watermark *time.Time) (rows int64, err error) {
	if watermark == nil {
		return 0, nil
	}
	last := watermark.Truncate(time.Microsecond)
	return rows, p.Events.Catalog.View(ctx, func(tx catalog.Tx) error {
		rows = 0
		sealed, err := event.Sealed(tx, stream)
		for n := sealed; err == nil && n > 0; n-- {
			var b event.Batch
			if b, err = event.GetBatch(tx, stream, n); err != nil || !b.Sealed.Truncate(time.Microsecond).After(last) {
				return err
			}
			if len(b.Retried) > 0 {
				rows += b.Accepted
			}
		}
		return err
	})
}
