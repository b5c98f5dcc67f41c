// Times of receipt: they never go back, and what the clock does to them and to a dedupe window is said.

package event_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bursar/internal/event"
)

// logged has the intake log into the buffer that is returned.
func (h *house) logged() *bytes.Buffer {
	var out bytes.Buffer
	h.intake.Log = slog.New(slog.NewTextHandler(&out, nil))
	return &out
}

func (h *house) sealedAt(want ...time.Time) {
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
	h := newHouse(t, plainYAML+"dedupe: 30d\n")
	said := h.logged()
	first := h.now
	h.take("1 1 1 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.now = first.Add(-50 * time.Hour)
	h.take("2 1 1 0 0", h.file("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if !strings.Contains(said.String(), "level=WARN") || !strings.Contains(said.String(), "the clock is behind the stream's last batch") || !strings.Contains(said.String(), "behind=50h0m0s") {
		t.Errorf("said %s", said)
	}
	said.Reset()
	later := first.Add(time.Minute)
	h.now = later
	h.take("3 1 1 0 0", h.file("c.jsonl", sale("3", "sale", "1.00", "EUR")))
	h.sealedAt(first, first, later)
	h.now = first.Add(time.Minute - time.Millisecond) // a clock is set by so much all the time
	h.take("4 1 1 0 0", h.file("d.jsonl", sale("4", "sale", "1.00", "EUR")))
	h.sealedAt(first, first, later, later)
	h.now = first.AddDate(0, 0, 29)
	h.take("0 1 0 0 1", h.file("e.jsonl", sale("2", "sale", "1.00", "EUR")+"\n")) // received at first, whatever the clock said
	if said.Len() > 0 {
		t.Errorf("said %s", said)
	}
}

func TestReceiptOfRequestsNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plainYAML)
	first := h.now
	h.take("1 1 1 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.now = first.Add(-time.Hour)
	live := h.live(event.LiveOptions{})
	if _, err := live.Accept(t.Context(), event.Request{Body: []byte(sale("2", "sale", "1.00", "EUR"))}); err != nil {
		t.Fatal(err)
	}
	if err := live.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.sealedAt(first, first)
}

func TestPauseBeyondTheWindowIsSaid(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plainYAML+"dedupe: 30d\n")
	said := h.logged()
	a := sale("1", "sale", "1.00", "EUR")
	h.take("1 1 1 0 0", h.file("a.jsonl", a))
	h.now = h.now.AddDate(0, 0, 29)
	h.take("2 1 1 0 0", h.file("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if said.Len() > 0 {
		t.Errorf("said %s", said)
	}
	h.now = h.now.AddDate(0, 0, 31)
	h.take("3 1 1 0 0", h.file("c.jsonl", a+"\n"))
	if text := said.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "before=2026-01-31T00:00:00.000Z") || !strings.Contains(text, "count again") {
		t.Errorf("said %s", text)
	}
	said.Reset()
	h.take("4 1 1 0 0", h.file("d.jsonl", sale("4", "sale", "1.00", "EUR")))
	if said.Len() > 0 {
		t.Errorf("said again: %s", said)
	}
}
