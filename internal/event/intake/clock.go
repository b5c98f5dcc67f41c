// Times of receipt, on which watermarks and dedupe windows are based.

package intake

import (
	"context"
	"time"

	"bursar/internal/event"
	"bursar/internal/project"
)

// clockSlack is how far a clock may be set back without a warning.
const clockSlack = time.Second

// nextReceipt returns the receipt time of the next batch: the clock's time, but never before the stream's last batch. So a later batch never
// falls below a watermark, and ids leave the dedupe window in the order in which they were received.
func nextReceipt(ctx context.Context, st *event.Store, s *project.Stream, state *event.StreamState, now time.Time) (time.Time, error) {
	now = now.UTC().Truncate(time.Microsecond)
	if state.Batches == 0 {
		return now, nil
	}
	last, err := st.Batch(ctx, s.Name, state.Batches)
	if err != nil {
		return now, err
	}
	if behind := last.Sealed.Sub(now); behind > 0 {
		if behind >= clockSlack {
			st.Log.Warn("the clock is behind the stream's last batch: new events get that batch's receipt time until the clock has passed it",
				"stream", s.Name, "behind", behind, "last", last.Sealed)
		}
		return last.Sealed, nil
	}
	if s.Dedupe > 0 && now.Sub(last.Sealed) > s.Dedupe {
		st.Log.Warn("no batch was sealed for longer than the dedupe window: earlier ids are forgotten, and events that are sent again count again",
			"stream", s.Name, "last", last.Sealed, "before", now.Add(-s.Dedupe))
	}
	return now, nil
}
