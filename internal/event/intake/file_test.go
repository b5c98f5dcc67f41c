// Files that were put together from others.

package intake_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
)

// TestFileParts are named where their rows are: in quarantine, in conflicts of this batch and of a later one; a file of one part
// goes by its name. A retry finds the rows all the same.
func TestFileParts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	parts := map[string][]event.FilePart{
		"several": {{Row: 1, Name: "/a"}, {Row: 3, Name: "/b"}, {Row: 4, Name: "/c"}},
		"one":     {{Row: 1, Name: "/only"}},
	}
	take := func(want, name string, rows ...string) {
		t.Helper()
		o := intake.Options{Parts: func(path string) []event.FilePart { return parts[filepath.Base(path)] }}
		r, err := intake.Ingest(t.Context(), h.Store, h.Stream, []string{h.File(name, strings.Join(rows, ""))}, o)
		if err != nil {
			t.Fatal(err)
		}
		h.Expect(r, want)
	}
	take("1 5 3 2 0", "several", sale("1", "sale", "1.00", "EUR"), sale("2", "gift", "1.00", "EUR"), // a
		sale("1", "sale", "2.00", "EUR"),                                   // b
		sale("3", "sale", "1.00", "EUR"), sale("4", "sale", "1.00", "EUR")) // c
	take("2 3 1 2 0", "one", sale("4", "sale", "3.00", "EUR"), sale("1", "sale", "3.00", "EUR"), sale("5", "sale", "3.00", "EUR"))
	conflict := "conflict: this id was accepted before with other values, in batch 1, file %s, row %d"
	got := h.Reasons()
	for i, want := range []string{
		"1 a:2 kind: ", "1 b:3 : " + fmt.Sprintf(conflict, "/a", 1),
		"2 only:1 : " + fmt.Sprintf(conflict, "/c", 2), "2 only:2 : " + fmt.Sprintf(conflict, "/a", 1),
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("quarantine has\n%s\nwant %s", strings.Join(got, "\n"), want)
		}
	}
	if batches := h.Batches(); !slices.Equal(batches[0].Files[0].Parts, parts["several"]) || batches[1].Files[0].Parts != nil {
		t.Errorf("%+v", batches)
	}
	h.Declare(strings.Replace(plainYAML, "[sale, refund]", "[sale, refund, gift]", 1))
	r, err := intake.Retry(t.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Expect(r, "3 4 1 3 0")
	if got := h.Reasons(); len(got) != 3 || !strings.HasPrefix(got[0], "3 b:3 : ") {
		t.Errorf("after the retry quarantine has\n%s", strings.Join(got, "\n"))
	}
}
