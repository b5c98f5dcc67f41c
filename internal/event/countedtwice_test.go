// Events with one id that count twice because a retraction is missing: they are found, and resolved by retracting either.

package event_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/failure"
)

// acceptedTwice returns a stream in which a row replaced an event whose retraction is missing without a trace.
func acceptedTwice(t *testing.T, yaml string) *harness {
	t.Helper()
	h := newHarness(t, yaml)
	h.ingest("1 2 2 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("it's", "sale", "2.00", "EUR")))
	h.ingest("2 1 0 1 0", h.file("b.jsonl", sale("it's", "sale", "3.00", "EUR")))
	if _, err := intake.AcceptRow(t.Context(), h.intake, h.stream, intake.AcceptOptions{Row: event.Place{File: 2, Row: 1}, Reason: "right"}); err != nil {
		t.Fatal(err)
	}
	h.removeRetraction(1, true)
	h.rebuildIndex()
	return h
}

func TestCountedTwice(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{plainYAML, plainYAML + "dedupe: 30d\n"} {
		for _, batch := range []uint64{1, 3} {
			t.Run(fmt.Sprint(batch), func(t *testing.T) {
				t.Parallel()
				h := acceptedTwice(t, yaml)
				err := eventverify.VerifyCountedOnce(t.Context(), h.intake, h.stream)
				var twice *eventverify.CountedTwiceError
				if !errors.As(err, &twice) || failure.Of(err) != failure.Data {
					t.Fatalf("found is %v", err)
				}
				for _, next := range []uint64{1, 3} {
					if want := fmt.Sprintf(`bursar retract sales %d --event '"it'\''s"' --reason TEXT`, next); !strings.Contains(err.Error(), want) {
						t.Errorf("%v does not name %s", err, want)
					}
				}
				h.retract("1 1", retract.RetractOptions{Batch: batch, Event: "it's", Reason: "twice"})
				if err := eventverify.VerifyCountedOnce(t.Context(), h.intake, h.stream); err != nil {
					t.Error(err)
				}
				h.ingest("0 3 0 0 3", h.file("c.jsonl", sale("1", "sale", "1.00", "EUR")+"\n"+sale("it's", "sale", map[uint64]string{1: "3.00", 3: "2.00"}[batch], "EUR")+"\n"+sale("1", "sale", "1.00", "EUR")))
				h.verify()
				h.retract("2 1", retract.RetractOptions{Batch: 1, Event: "1", Reason: "wrong"})
			})
		}
	}
}

// TestAcceptOverCountedTwice accepts a row that replaces an event which counts twice: the index, which knew one of the two, is rebuilt.
func TestAcceptOverCountedTwice(t *testing.T) {
	t.Parallel()
	h := acceptedTwice(t, plainYAML)
	h.ingest("4 1 0 1 0", h.file("c.jsonl", sale("it's", "sale", "4.00", "EUR")))
	got, err := intake.AcceptRow(t.Context(), h.intake, h.stream, intake.AcceptOptions{Row: event.Place{File: 3, Row: 1}, Reason: "right"})
	if err != nil || got.Batch != 5 {
		t.Fatalf("accepting gives %+v, %v", got, err)
	}
	if err := eventverify.VerifyCountedOnce(t.Context(), h.intake, h.stream); err != nil {
		t.Error(err)
	}
	h.ingest("6 1 1 0 0", h.file("d.jsonl", sale("5", "sale", "5.00", "EUR")))
}

// TestCountedAgain: what is accepted again beyond the dedupe window, or as another version, does not count twice, whatever window is
// declared later.
func TestCountedAgain(t *testing.T) {
	t.Parallel()
	for _, later := range []string{plainYAML + "dedupe: 30d\n", plainYAML + "dedupe: 60d\n", plainYAML} {
		h := newHarness(t, plainYAML+"dedupe: 30d\n")
		h.ingest("1 1 1 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")))
		h.now = h.now.AddDate(0, 0, 31)
		h.ingest("2 1 1 0 0", h.file("b.jsonl", sale("1", "sale", "1.00", "EUR")+"\n"))
		h.declare(later)
		h.rebuildIndex()
		if err := eventverify.VerifyCountedOnce(t.Context(), h.intake, h.stream); err != nil {
			t.Error(err)
		}
	}
	h := newHarness(t, plainYAML+"versions: keep\n")
	h.ingest("1 1 1 0 0", h.file("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.ingest("2 1 1 0 0", h.file("b.jsonl", sale("1", "sale", "2.00", "EUR")))
	h.rebuildIndex()
	if err := eventverify.VerifyCountedOnce(t.Context(), h.intake, h.stream); err != nil {
		t.Error(err)
	}
}
