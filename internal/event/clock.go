// Times of receipt: what watermarks and dedupe windows count by.

package event

import (
	"context"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/project"
)

// clockSlack is how far a clock may be set back without a word.
const clockSlack = time.Second

// nextReceipt is when what a batch takes in from now on is received: by the clock, and never before the stream's last batch. So a
// watermark says nothing that a later batch would make wrong, and ids are forgotten in the order in which they came.
func (in *Intake) nextReceipt(ctx context.Context, s *project.Stream, state *streamState, now time.Time) (time.Time, error) {
	now = now.UTC().Truncate(time.Microsecond)
	if state.Batches == 0 {
		return now, nil
	}
	var last Batch
	err := in.Catalog.View(ctx, func(tx catalog.Tx) (err error) {
		last, err = GetBatch(tx, s.Name, state.Batches)
		return err
	})
	if err != nil {
		return now, err
	}
	if behind := last.Sealed.Sub(now); behind > 0 {
		if behind >= clockSlack {
			in.Log.Warn("the clock is behind the stream's last batch: what comes counts as received with that until the clock has passed it",
				"stream", s.Name, "behind", behind, "last", last.Sealed)
		}
		return last.Sealed, nil
	}
	if s.Dedupe > 0 && now.Sub(last.Sealed) > s.Dedupe {
		in.Log.Warn("no batch came for longer than the dedupe window: ids received before are not remembered any more, and events that are sent again count again",
			"stream", s.Name, "last", last.Sealed, "before", now.Add(-s.Dedupe))
	}
	return now, nil
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
