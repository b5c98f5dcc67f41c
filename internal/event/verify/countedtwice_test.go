// Events with one id that count twice because a retraction is missing: they are found, and resolved by retracting either.

package verify_test

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
	h.Ingest("1 2 2 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("it's", "sale", "2.00", "EUR")))
	h.Ingest("2 1 0 1 0", h.File("b.jsonl", sale("it's", "sale", "3.00", "EUR")))
	if _, err := intake.AcceptRow(t.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: event.Place{File: 2, Row: 1}, Reason: "right"}); err != nil {
		t.Fatal(err)
	}
	h.RemoveRetraction(1, true)
	h.RebuildIndex()
	return h
}

func TestCountedTwice(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{plainYAML, plainYAML + "dedupe: 30d\n"} {
		for _, batch := range []uint64{1, 3} {
			t.Run(fmt.Sprint(batch), func(t *testing.T) {
				t.Parallel()
				h := acceptedTwice(t, yaml)
				err := eventverify.CountedOnce(t.Context(), h.Store, h.Stream)
				var twice *eventverify.CountedTwiceError
				if !errors.As(err, &twice) || failure.Of(err) != failure.Data {
					t.Fatalf("found is %v", err)
				}
				for _, next := range []uint64{1, 3} {
					if want := fmt.Sprintf(`bursar retract sales %d --event '"it'\''s"' --reason TEXT`, next); !strings.Contains(err.Error(), want) {
						t.Errorf("%v does not name %s", err, want)
					}
				}
				h.Retract("1 1", retract.Options{Batch: batch, Event: "it's", Reason: "twice"})
				if err := eventverify.CountedOnce(t.Context(), h.Store, h.Stream); err != nil {
					t.Error(err)
				}
				h.Ingest("0 3 0 0 3", h.File("c.jsonl", sale("1", "sale", "1.00", "EUR")+"\n"+sale("it's", "sale", map[uint64]string{1: "3.00", 3: "2.00"}[batch], "EUR")+"\n"+sale("1", "sale", "1.00", "EUR")))
				h.Verify()
				h.Retract("2 1", retract.Options{Batch: 1, Event: "1", Reason: "wrong"})
			})
		}
	}
}

// TestAcceptOverCountedTwice accepts a row that replaces an event which counts twice: the index, which knew one of the two, is rebuilt.
func TestAcceptOverCountedTwice(t *testing.T) {
	t.Parallel()
	h := acceptedTwice(t, plainYAML)
	h.Ingest("4 1 0 1 0", h.File("c.jsonl", sale("it's", "sale", "4.00", "EUR")))
	got, err := intake.AcceptRow(t.Context(), h.Store, h.Stream, intake.AcceptOptions{Row: event.Place{File: 3, Row: 1}, Reason: "right"})
	if err != nil || got.Batch != 5 {
		t.Fatalf("accepting gives %+v, %v", got, err)
	}
	if err := eventverify.CountedOnce(t.Context(), h.Store, h.Stream); err != nil {
		t.Error(err)
	}
	h.Ingest("6 1 1 0 0", h.File("d.jsonl", sale("5", "sale", "5.00", "EUR")))
}

// TestCountedAgain: what is accepted again beyond the dedupe window, or as another version, does not count twice, whatever window is
// declared later.
func TestCountedAgain(t *testing.T) {
	t.Parallel()
	for _, later := range []string{plainYAML + "dedupe: 30d\n", plainYAML + "dedupe: 60d\n", plainYAML} {
		h := newHarness(t, plainYAML+"dedupe: 30d\n")
		h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
		h.Now = h.Now.AddDate(0, 0, 31)
		h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("1", "sale", "1.00", "EUR")+"\n"))
		h.Declare(later)
		h.RebuildIndex()
		if err := eventverify.CountedOnce(t.Context(), h.Store, h.Stream); err != nil {
			t.Error(err)
		}
	}
	h := newHarness(t, plainYAML+"versions: keep\n")
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
	h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("1", "sale", "2.00", "EUR")))
	h.RebuildIndex()
	if err := eventverify.CountedOnce(t.Context(), h.Store, h.Stream); err != nil {
		t.Error(err)
	}
}
