// Batches that another process seals, and retractions that it makes, during a check.

package verify_test

import (
	"context"
	"strings"
	"testing"

	"bursar/internal/event/retract"
	eventverify "bursar/internal/event/verify"
	"bursar/internal/object"
)

// changing is a store in which something happens at the first question for a name with a part.
type changing struct {
	object.Local
	part string
	do   func()
}

func (s *changing) happen(name string) {
	if do := s.do; do != nil && strings.Contains(name, s.part) {
		s.do = nil
		do()
	}
}

func (s *changing) Open(ctx context.Context, name string) (object.Reader, error) {
	s.happen(name)
	return s.Local.Open(ctx, name)
}

func (s *changing) List(ctx context.Context, prefix string) ([]string, error) {
	s.happen(prefix)
	return s.Local.List(ctx, prefix)
}

func TestChangedDuringCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, part string
		do         func(h *harness)
	}{
		{"a batch is sealed", "/batches/", func(h *harness) {
			h.Ingest("2 1 1 0 0", h.File("b.jsonl", sale("2", "sale", "1.00", "EUR")))
		}},
		{"a batch is retracted", "/retractions/", func(h *harness) {
			if _, err := retract.Retract(h.T.Context(), h.Store, h.Stream, retract.Options{Batch: 1, Reason: "wrong"}); err != nil {
				h.T.Error(err)
			}
		}},
	} {
		h := newHarness(t, plainYAML)
		h.Ingest("1 1 1 0 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")))
		store := *h.Store
		hook := &changing{Local: store.Objects, part: c.part, do: func() { c.do(h) }}
		store.Objects = hook
		if err := eventverify.CheckCatalog(t.Context(), &store, h.Stream.Name); err != nil || hook.do != nil {
			t.Errorf("%s during the check (%t): %v", c.what, hook.do == nil, err)
		}
	}
}
