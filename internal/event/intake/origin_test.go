// Columns that contain the origin of an event.

package intake_test

import (
	"strings"
	"testing"

	"bursar/internal/event/intake"
)

// TestOriginIsNotCompared takes the same event from two places once, keeps the first's origin, and counts it into neither
// identity nor digest.
func TestOriginIsNotCompared(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(plainYAML, "note: {type: string, optional: true}", "note: {type: string, optional: true, origin: true}", 1)
	noted := func(id, amount, note string) string {
		return strings.Replace(sale(id, "sale", amount, "EUR"), "}", `,"note":"`+note+`"}`, 1)
	}
	for _, id := range []string{"id: id", "id: _content"} {
		h, other := newHarness(t, strings.Replace(yaml, "id: id", id, 1)), newHarness(t, strings.Replace(yaml, "id: id", id, 1))
		first := h.Ingest("1 1 1 0 0", h.File("a.jsonl", noted("1", "5.00", "here")))
		h.Ingest("0 1 0 0 1", h.File("b.jsonl", noted("1", "5.00", "there")))
		second := other.Ingest("1 1 1 0 0", other.File("a.jsonl", noted("1", "5.00", "elsewhere")))
		if first.Digest != second.Digest {
			t.Errorf("%s: the digest depends on the origin", id)
		}
	}
	h := newHarness(t, yaml)
	h.Ingest("1 1 1 0 0", h.File("a.jsonl", noted("1", "5.00", "here")))
	h.Declare(plainYAML)
	_, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File("c.jsonl", noted("2", "5.00", "here"))}, intake.Options{})
	if err == nil || !strings.Contains(err.Error(), "events would be compared differently") {
		t.Error(err)
	}
}
