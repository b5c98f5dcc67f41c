// Tests imports with archives, repetitions, refusals and failing stores.

package aggregate

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	failing "bursar/internal/fault"
	"bursar/internal/object"
	"bursar/internal/project"
)

// all is everything that is stored, without origins.
func (h *fixture) all() string {
	h.Helper()
	var rows []string
	for _, stream := range project.BuiltinStreams {
		rows = append(rows, h.stored(stream, "id, account, day, amount")...)
	}
	return strings.Join(rows, "\n")
}

// TestImportSurvivesFailures fails calls of the stores, before or after their effect, or ends the process at one. The
// same import again ends in the same state.
func TestImportSurvivesFailures(t *testing.T) {
	t.Parallel()
	texts := []string{camtOf(sheetOf("1", 5, 1000, items(5, 10, 10, -3)...)), mtOf(sheetOf("2", 6, 1017, items(6, 10)...))}
	undisturbed := newFixture(t, "")
	undisturbed.send(texts...)
	want := undisturbed.all()
	stride := 7
	if testing.Short() {
		stride = 29
	}
	for n, more := 1, true; more; n += stride {
		h, plan := newFixture(t, ""), failing.NewPlan()
		objects, records := h.objects, h.importer.Catalog
		paths := []string{h.file("a.xml", texts[0]), h.file("b.sta", texts[1])}
		plan.FailAt(n, []failing.Mode{failing.Before, failing.After, failing.Crash, failing.After | failing.Crash}[n%4])
		broken, brokenRecords := failing.Objects(objects, plan), failing.Catalog(records, plan)
		h.importer.Objects, h.importer.Catalog, h.intake.Objects, h.intake.Catalog = broken, brokenRecords, broken, brokenRecords
		_, err := h.importer.Import(t.Context(), paths, Options{})
		more = plan.Fired()
		// A batch is sealed before its manifest is written: the next intake of the stream writes a manifest that is missing.
		if unneeded := strings.HasSuffix(plan.Call(n), "manifest.json"); more != (err != nil) && !unneeded {
			t.Fatalf("%s fails: %v", plan.Call(n), err)
		}
		h.importer.Objects, h.importer.Catalog, h.intake.Objects, h.intake.Catalog = objects, records, objects, records
		h.imported(paths...)
		if got := h.all(); got != want {
			t.Fatalf("after a failure at %s:\n%s\nwant\n%s", plan.Call(n), got, want)
		}
		if left, err := filepath.Glob(filepath.Join(h.importer.Scratch, "import-*")); err != nil || len(left) > 0 {
			t.Errorf("after a failure at %s scratch has %q, %v", plan.Call(n), left, err)
		}
	}
}

// zipOf packs texts under their names.
func zipOf(t *testing.T, named ...string) string {
	t.Helper()
	b := &bytes.Buffer{}
	w := zip.NewWriter(b)
	for i := 0; i < len(named); i += 2 {
		to, err := w.Create(named[i])
		if err == nil {
			_, err = to.Write([]byte(named[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestArchives imports the intact members of archives.
func TestArchives(t *testing.T) {
	t.Parallel()
	first, second := camtOf(sheetOf("1", 5, 1000, items(5, 10, 10)...)), camtOf(sheetOf("2", 6, 1020, items(6, 5)...))
	h := newFixture(t, "")
	for _, c := range []struct {
		archive string
		refused int
		entries int
	}{
		{zipOf(t), 1, 0},
		{zipOf(t, "a.xml", first[:len(first)-20], "__MACOSX/a.xml", "x"), 1, 0},
		{zipOf(t, "a.xml", first, "b/a.xml", first), 0, 2},
		{zipOf(t, "a.xml", first, "c.txt", "nothing that is known", "d.xml", second), 1, 3},
		{zipOf(t, "z.zip", zipOf(t, "a.xml", first)), 1, 3},
		{zipOf(t, "[Content_Types].xml", "<Types/>", "xl/workbook.xml", first), 1, 3},
	} {
		path := h.file("archive.zip", c.archive)
		for range 2 { // what was refused is read again
			r, err := h.importer.Import(t.Context(), []string{path}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, p := range r.Files[0].Parts {
				if p.Refused != "" {
					refused++
				}
			}
			if n := len(h.stored(project.EntryStream, "id")); refused != c.refused || n != c.entries || (r.Err() == nil) != (refused == 0) {
				t.Errorf("refused are %d, want %d; stored are %d entries, want %d: %v", refused, c.refused, n, c.entries, r.Err())
			}
		}
	}
}

// TestKnownFiles does not read known files again, within a call or later, under any name.
func TestKnownFiles(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	text := camtOf(sheetOf("1", 5, 1000, items(5, 10, 10)...))
	r := h.send(text, text)
	if r.Files[0].Known || !r.Files[1].Known || r.Streams[project.EntryStream].Accepted != 2 {
		t.Errorf("%+v", r)
	}
	if r = h.send(text); !r.Files[0].Known || len(r.Streams) > 0 {
		t.Errorf("%+v", r)
	}
	kept, err := h.objects.Open(t.Context(), r.Files[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	content := make([]byte, kept.Size())
	if _, err := kept.ReadAt(content, 0); err != nil || string(content) != text {
		t.Errorf("kept is %q, %v", content, err)
	}
}

// TestImportEndsWithItsContext leaves nothing behind.
func TestImportEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	path := h.file("a.xml", camtOf(sheetOf("1", 5, 1000, items(5, 10)...)))
	_, err := h.importer.Import(ctx, []string{path}, Options{Progress: func(int64) { cancel() }})
	if !errors.Is(err, context.Canceled) || h.stored(project.EntryStream, "id") != nil {
		t.Error(err)
	}
	h.imported(path)
}

// TestChangingFileIsTransient: the digest would not be that of the stored original.
func TestChangingFileIsTransient(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	path := h.file("a.xml", camtOf(sheetOf("1", 5, 1000, items(5, 10)...)))
	_, err := h.importer.Import(t.Context(), []string{path}, Options{Progress: func(int64) {
		if err := os.WriteFile(path, []byte("more"), 0o600); err != nil {
			t.Error(err)
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Error(err)
	}
	if names, err := h.objects.List(t.Context(), "streams/"); err != nil || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "batches") }) {
		t.Errorf("%q, %v", names, err)
	}
}

// together is a store in which an original is durable only while another one is being written.
type together struct {
	object.Local
	waiting chan struct{}
}

type togetherWriter struct {
	object.Writer
	store *together
	ctx   context.Context
}

func (s *together) Create(ctx context.Context, name string) (object.Writer, error) {
	w, err := s.Local.Create(ctx, name)
	if err != nil || !strings.HasPrefix(name, "statements/") {
		return w, err
	}
	return &togetherWriter{w, s, ctx}, nil
}

func (w *togetherWriter) Commit() error {
	select {
	case w.store.waiting <- struct{}{}:
	case <-w.store.waiting:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	return w.Writer.Commit()
}

// TestOriginalsAreKeptTogether stores several originals at a time, and all of them before anything is ingested.
func TestOriginalsAreKeptTogether(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	var paths []string
	for day := range 2 * maxKeeping {
		sheet := sheetOf(fmt.Sprint(day), day+1, 1000, items(day+1, 10)...)
		paths = append(paths, h.file(fmt.Sprintf("%d.xml", day), camtOf(sheet)))
	}
	h.importer.Objects = &together{h.objects, make(chan struct{})}
	take := h.importer.Ingest
	h.importer.Ingest = func(ctx context.Context, stream string, files []string, parts func(string) []event.FilePart) (intake.Result, error) {
		kept, err := h.objects.List(ctx, "statements/")
		if err != nil || len(kept) != len(paths) {
			t.Errorf("kept are %d files, want %d, when %s are taken in: %v", len(kept), len(paths), stream, err)
		}
		return take(ctx, stream, files, parts)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if r, err := h.importer.Import(ctx, paths, Options{}); err != nil || r.Err() != nil || len(r.Streams) == 0 {
		t.Error(err, r.Err())
	}
}
