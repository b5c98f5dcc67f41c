// Processes that use a stream's dedupe index while another one replaces its tables.

package ids_test

import (
	"testing"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/object"
)

// hookStore calls before once, before the files of objects are used.
type hookStore struct {
	object.Local
	before func()
}

func (s *hookStore) Files() object.Files {
	if before := s.before; before != nil {
		s.before = nil
		before()
	}
	return s.Local.Files()
}

// TestReplacedTables removes the tables of the index after a process has read the stream's state, and before it opens them: it reads the
// state again.
func TestReplacedTables(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	h.Store.Shared = true
	h.Ingest("1 3 3 0 0", h.File("first.jsonl", sales(1, 3)))
	replace := func() {
		if err := ids.Rebuild(t.Context(), h.Store, h.Stream); err != nil {
			t.Error(err)
		}
		h.Now = h.Now.Add(11 * time.Minute)
		if err := h.Store.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	replace() // the first table is below the prefix of its batch, which stays
	objects := &hookStore{Local: h.Store.Objects}
	other := &event.Store{}
	*other = *h.Store
	other.Objects = objects
	objects.before = replace
	found, err := ids.Find(t.Context(), other, h.Stream, []string{"payment-1", "payment-9"})
	if err != nil || len(found) != 1 || found["payment-1"] != 1 || objects.before != nil {
		t.Errorf("found %v, %v", found, err)
	}
	objects.before = replace
	again := h.File("again.jsonl", sales(2, 3))
	sealed, err := intake.Ingest(t.Context(), other, h.Stream, []string{again}, intake.Options{})
	if err != nil || sealed.Accepted != 1 || sealed.Duplicates != 2 || objects.before != nil {
		t.Errorf("%+v, %v", sealed, err)
	}
}
