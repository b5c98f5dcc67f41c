// Tests of waiting for new batches.

package feed_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"bursar/internal/event/feed"
)

// TestAwait wakes all who wait when a batch is sealed, and leaves no watch behind.
func TestAwait(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", lines(1, 1)))
	if err := h.reader.Await(t.Context(), "sales", h.begin()); err != nil {
		t.Errorf("what is there already: %v", err)
	}
	end, err := h.reader.After(t.Context(), "sales", feed.LatestText)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	var impatient, patient sync.WaitGroup
	for range 50 {
		impatient.Go(func() {
			if err := h.reader.Await(ended, "sales", end); !errors.Is(err, context.Canceled) {
				t.Errorf("whose context has ended: %v", err)
			}
		})
		patient.Go(func() {
			if err := h.reader.Await(t.Context(), "sales", end); err != nil {
				t.Error(err)
			}
		})
	}
	cancel()
	impatient.Wait()
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", lines(2, 2)))
	patient.Wait()
}
