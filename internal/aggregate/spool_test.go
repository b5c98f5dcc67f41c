// Tests spools that several files share.

package aggregate

import (
	"fmt"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/project"
)

// TestRefusedFileInSharedSpool: the rows of a refused file before its error are nowhere, and a conflict names the
// statement's own file although several share a spool.
func TestRefusedFileInSharedSpool(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	named := func(day int, reference string) string {
		entry := items(day, 10)
		entry[0].reference = reference
		return camtOf(sheetOf(fmt.Sprint(day), day, 1000, entry...))
	}
	a, broken, b := h.file("a.xml", named(5, "R1")), h.file("broken.xml", strings.TrimSuffix(named(6, "R2"), "</Document>")), h.file("b.xml", named(7, "R3"))
	r, err := h.importer.Import(t.Context(), []string{a, broken, b}, Options{})
	if err != nil || r.Files[1].Parts[0].Refused == "" || r.Files[0].Parts[0].Refused+r.Files[2].Parts[0].Refused != "" {
		t.Fatalf("%v, %v", err, r.Err())
	}
	if got := strings.Join(h.stored(project.EntryStream, "reference, file"), ", "); got != "R1 a.xml, R3 b.xml" {
		t.Errorf("stored are %s", got)
	}
	h.send(strings.ReplaceAll(named(7, "R3"), "</Ntry>", "<AddtlNtryInf>other words</AddtlNtryInf></Ntry>"))
	var reasons []string
	err = event.Quarantine(t.Context(), h.importer.Catalog, h.objects, project.EntryStream, func(r event.Rejected) error {
		reasons = append(reasons, r.Reason)
		return nil
	})
	if err != nil || len(reasons) != 1 || !strings.Contains(reasons[0], b+", row 1") {
		t.Errorf("in quarantine are %q: %v", reasons, err)
	}
}

// TestManyFilesShareSpools begins a new spool after a fixed number of files.
func TestManyFilesShareSpools(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	var members []string
	const full = 1000 // files of a spool
	for i := range full + 2 {
		s := sheetOf("1", 5, 1000, items(5, 10)...)
		s.account = fmt.Sprintf("A%d", i)
		members = append(members, fmt.Sprintf("%04d.xml", i), camtOf(s))
	}
	r := h.imported(h.file("many.zip", zipOf(t, members...)))
	if n := r.Streams[project.EntryStream].Accepted; n != full+2 || len(h.stored(project.EntryStream, "id")) != full+2 {
		t.Errorf("%d entries", n)
	}
	batches, err := event.Batches(t.Context(), h.importer.Catalog, project.EntryStream, 0)
	if err != nil || len(batches) != 1 || len(batches[0].Files) != 2 {
		t.Fatalf("%d batches: %v", len(batches), err)
	}
	f := batches[0].Files
	first, row := f[0].At(full)
	last, only := f[1].At(2)
	if !strings.HasSuffix(first, "/many.zip/0999.xml") || !strings.HasSuffix(last, "/many.zip/1001.xml") || row != 1 || only != 1 {
		t.Errorf("%s %d, %s %d", first, row, last, only)
	}
}
