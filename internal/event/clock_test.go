// Times of receipt: they never go back, and the effects of the clock on them and on a dedupe window are logged.

package event_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bursar/internal/event/live"
)

// logged has the intake log into the buffer that is returned.
func (h *harness) logged() *bytes.Buffer {
	var out bytes.Buffer
	h.intake.Log = slog.New(slog.NewTextHandler(&out, nil))
	return &out
}

func (h *harness) expectSealedAt(want ...time.Time) {
	h.t.Helper()
	batches := h.batches()
	if len(batches) != len(want) {
		h.t.Fatalf("%d batches, want %d", len(batches), len(want))
	}
	for i, b := range batches {
		if !b.Sealed.Equal(want[i]) {
			h.t.Errorf("batch %d is of %s, want %s", b.Batch, b.Sealed, want[i])
		}
	}
}

func TestReceiptNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	log := h.logged()
	first := h.now
	h.ingest("1 1 1 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.now = first.Add(-50 * time.Hour)
	h.ingest("2 1 1 0 0", h.file("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "the clock is behind the stream's last batch") || !strings.Contains(log.String(), "behind=50h0m0s") {
		t.Errorf("logged %s", log)
	}
	log.Reset()
	later := first.Add(time.Minute)
	h.now = later
	h.ingest("3 1 1 0 0", h.file("c.jsonl", sale("3", "sale", "1.00", "EUR")))
	h.expectSealedAt(first, first, later)
	h.now = first.Add(time.Minute - time.Millisecond) // a clock is set by so much all the time
	h.ingest("4 1 1 0 0", h.file("d.jsonl", sale("4", "sale", "1.00", "EUR")))
	h.expectSealedAt(first, first, later, later)
	h.now = first.AddDate(0, 0, 29)
	h.ingest("0 1 0 0 1", h.file("e.jsonl", sale("2", "sale", "1.00", "EUR")+"\n")) // received at first, whatever the clock showed
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
}

func TestReceiptOfRequestsNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	first := h.now
	h.ingest("1 1 1 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.now = first.Add(-time.Hour)
	l := h.startLive(live.LiveOptions{})
	if _, err := l.Accept(t.Context(), live.Request{Body: []byte(sale("2", "sale", "1.00", "EUR"))}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.expectSealedAt(first, first)
}

func TestPauseBeyondTheWindowIsLogged(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	log := h.logged()
	a := sale("1", "sale", "1.00", "EUR")
	h.ingest("1 1 1 0 0", h.file("a.jsonl", a))
	h.now = h.now.AddDate(0, 0, 29)
	h.ingest("2 1 1 0 0", h.file("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
	h.now = h.now.AddDate(0, 0, 31)
	h.ingest("3 1 1 0 0", h.file("c.jsonl", a+"\n"))
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "before=2026-01-31T00:00:00.000Z") || !strings.Contains(text, "count again") {
		t.Errorf("logged %s", text)
	}
	log.Reset()
	h.ingest("4 1 1 0 0", h.file("d.jsonl", sale("4", "sale", "1.00", "EUR")))
	if log.Len() > 0 {
		t.Errorf("logged again: %s", log)
	}
}
