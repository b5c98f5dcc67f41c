// Tests files that are read again with unchanged declarations.

package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event"
)

// TestRereadInOtherWords reads two files again that list the same entries in different words, in every order: nothing changes.
func TestRereadInOtherWords(t *testing.T) {
	t.Parallel()
	s := sheetOf("1", 5, 1000, items(5, 100, 100, -30)...)
	other := strings.ReplaceAll(camtOf(renamed(s, "Other")), "</BkTxCd>", "</BkTxCd><AddtlNtryInf>in other words</AddtlNtryInf>")
	texts := []string{camtOf(s), other}
	for before := range permutations(2) {
		for after := range permutations(2) {
			h := newFixture(t, "")
			var paths []string
			for n, text := range texts {
				paths = append(paths, h.file(fmt.Sprint(n, ".xml"), text))
			}
			for _, n := range before {
				h.imported(paths[n])
			}
			want, entries := h.amounts(), len(h.stored("entries", "id"))
			err := h.importer.Catalog.Update(t.Context(), func(tx catalog.Tx) error { // events were given up, so that all files are read again
				return tx.Put("givenup/entries/00000009-00000000", event.GivenUp{Stream: "entries", Batch: 9})
			})
			if err != nil {
				t.Fatal(err)
			}
			r := h.imported(paths[after[0]], paths[after[1]])
			if got := h.amounts(); !slices.Equal(got, want) || len(h.stored("entries", "id")) != entries || r.Files[0].Known || r.Files[1].Known {
				t.Errorf("%v, %v: %q with %d events, want %q with %d; %+v", before, after, got, len(h.stored("entries", "id")), want, entries, r)
			}
			if got := states(h.judged("")[0].Intervals); got != "5 PROVEN" {
				t.Errorf("%v, %v: %s", before, after, got)
			}
		}
	}
}
