// Times of receipt: they never go back, and the effects of the clock on them and on a dedupe window are logged.

package intake_test

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
	h.Store.Log = slog.New(slog.NewTextHandler(&out, nil))
	return &out
}

func (h *harness) expectSealedAt(want ...time.Time) {
	h.T.Helper()
	batches := h.Batches()
	if len(batches) != len(want) {
		h.T.Fatalf("%d batches, want %d", len(batches), len(want))
	}
	for i, b := range batches {
		if !b.Sealed.Equal(want[i]) {
			h.T.Errorf("batch %d is of %s, want %s", b.Batch, b.Sealed, want[i])
		}
	}
}

func TestReceiptNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML+"dedupe: 30d\n")
	log := h.logged()
	first := h.Now
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.Now = first.Add(-50 * time.Hour)
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "the clock is behind the stream's last batch") || !strings.Contains(log.String(), "behind=50h0m0s") {
		t.Errorf("logged %s", log)
	}
	log.Reset()
	later := first.Add(time.Minute)
	h.Now = later
	h.Ingest("3 1 1 0 0", h.File("c.jsonl", sale("3", "sale", "1.00", "EUR")))
	h.expectSealedAt(first, first, later)
	h.Now = first.Add(time.Minute - time.Millisecond) // a clock is set by so much all the time
	h.Ingest("4 1 1 0 0", h.File("d.jsonl", sale("4", "sale", "1.00", "EUR")))
	h.expectSealedAt(first, first, later, later)
	h.Now = first.AddDate(0, 0, 29)
	h.Ingest("0 1 0 0 1", h.File("e.jsonl", sale("2", "sale", "1.00", "EUR")+"\n")) // received at first, whatever the clock showed
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
}

func TestReceiptOfRequestsNeverGoesBack(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	first := h.Now
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.Now = first.Add(-time.Hour)
	l := h.StartLive(live.Options{})
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
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", a))
	h.Now = h.Now.AddDate(0, 0, 29)
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("2", "sale", "1.00", "EUR")))
	if log.Len() > 0 {
		t.Errorf("logged %s", log)
	}
	h.Now = h.Now.AddDate(0, 0, 31)
	h.Ingest("3 1 1 0 0", h.File("c.jsonl", a+"\n"))
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "before=2026-01-31T00:00:00.000Z") || !strings.Contains(text, "count again") {
		t.Errorf("logged %s", text)
	}
	log.Reset()
	h.Ingest("4 1 1 0 0", h.File("d.jsonl", sale("4", "sale", "1.00", "EUR")))
	if log.Len() > 0 {
		t.Errorf("logged again: %s", log)
	}
}
