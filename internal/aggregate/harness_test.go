// A fixture of the tests: an importer with its own stores, and queries of what it stored.

package aggregate

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/completeness"
	"bursar/internal/aggregate/imported"
	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/identity"
	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/object"
	"bursar/internal/project"
)

// TestMain collects less garbage: tests are many small projects.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// fixture is an importer with its stores.
type fixture struct {
	testing.TB
	dir      string
	objects  object.Local
	importer *Importer
	intake   *event.Store
}

// newFixture has one institution with all accounts; statements is its calendar, or empty.
func newFixture(t testing.TB, statements string) *fixture {
	t.Helper()
	h := &fixture{TB: t, dir: t.TempDir()}
	records, err := catalog.OpenSQLite(filepath.Join(h.dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	})
	h.objects = object.NewFolder(filepath.Join(h.dir, "objects"))
	now := func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	h.intake = &event.Store{
		Objects: h.objects, Catalog: records, Scratch: t.TempDir(), Workers: 1, Now: now, Log: slog.New(slog.DiscardHandler),
	}
	if h.intake.Secret, err = ids.OpenSecret(t.Context(), records, identity.InFile(filepath.Join(h.dir, "identity.key"))); err != nil {
		t.Fatal(err)
	}
	// Sessions with equal options share databases: those of all tests are equal.
	h.intake.Duck = duck.Options{Memory: "300MB", Threads: 1, Scratch: os.TempDir()}
	h.file("project/bursar.yaml", "")
	if statements != "" {
		h.file("project/institutions/bank.yaml", "institution: bank\naccounts: [\"A*\"]\nstatements: "+statements+"\n")
	}
	h.importer = &Importer{Streams: imported.Streams{Objects: h.objects, ObjectFiles: h.objects.Files(), Catalog: records, Project: h.read(), Duck: h.intake.Duck}, Scratch: h.intake.Scratch, Now: now, Ingest: h.take, FindIDs: h.findIDs}
	return h
}

func (h *fixture) findIDs(ctx context.Context, s *project.Stream, list []string) (map[string]uint64, error) {
	return ids.Find(ctx, h.intake, s, list)
}

// read reads the project's folder.
func (h *fixture) read() *project.Project {
	h.Helper()
	p, errs := project.Read(filepath.Join(h.dir, "project"))
	if len(errs) > 0 {
		h.Fatal(errs)
	}
	return p
}

func (h *fixture) take(ctx context.Context, stream string, files []string, parts func(string) []event.FilePart) (intake.Result, error) {
	return intake.Ingest(ctx, h.intake, h.importer.Project.Stream(stream), files, intake.Options{Parts: parts})
}

// file writes a file below the fixture's folder.
func (h *fixture) file(name, text string) string {
	h.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
	return path
}

// send imports texts as files of new names in one call, and expects all of them to be accepted.
func (h *fixture) send(texts ...string) Result {
	h.Helper()
	dir := h.TempDir()
	paths := make([]string, len(texts))
	for i, text := range texts {
		paths[i] = filepath.Join(dir, fmt.Sprintf("%d.txt", i))
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			h.Fatal(err)
		}
	}
	return h.imported(paths...)
}

func (h *fixture) imported(paths ...string) Result {
	h.Helper()
	r, err := h.importer.Import(h.Context(), paths, Options{})
	if err != nil {
		h.Fatal(err)
	}
	for _, f := range r.Files {
		for _, p := range f.Parts {
			if p.Refused != "" {
				h.Fatalf("%s: %s", p.File, p.Refused)
			}
		}
	}
	return r
}

func (h *fixture) completeness() *completeness.Accounts {
	return &completeness.Accounts{Streams: h.importer.Streams}
}

// judged returns the accounts with their intervals.
func (h *fixture) judged(until string) (accounts []completeness.Account) {
	h.Helper()
	_, err := h.completeness().Judge(h.Context(), completeness.Query{Until: until}, func(a completeness.Account) error {
		accounts = append(accounts, a)
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	return accounts
}

// states lists an account's intervals as "day STATE" or "day–day STATE", with the day of the month alone.
func states(intervals []completeness.Interval) string {
	list := make([]string, len(intervals))
	for i, x := range intervals {
		from, to := strings.TrimPrefix(x.From[8:], "0"), strings.TrimPrefix(x.To[8:], "0")
		if from != to {
			from += "–" + to
		}
		list[i] = from + " " + string(x.State)
	}
	return strings.Join(list, ", ")
}

// stored lists rows of a stream as SQL shows them, sorted.
func (h *fixture) stored(stream, columns string) (rows []string) {
	h.Helper()
	batches, err := event.Batches(h.Context(), h.importer.Catalog, stream, 0)
	if err != nil {
		h.Fatal(err)
	}
	if len(batches) == 0 {
		return nil
	}
	sql := fmt.Sprintf("SELECT concat_ws(' ', %s) FROM (%s)", columns, event.ViewSQL(h.objects.Files(), h.importer.Project.Stream(stream), batches))
	err = imported.Query(h.Context(), h.objects.Files(), h.intake.Duck, sql, func(row []string) error {
		rows = append(rows, row[0])
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	slices.Sort(rows)
	return rows
}

// quarantined counts what is in quarantine.
func (h *fixture) quarantined() (rows int) {
	h.Helper()
	for _, stream := range project.BuiltinStreams {
		err := event.Quarantine(h.Context(), h.importer.Catalog, h.objects, stream, func(event.Rejected) error { rows++; return nil })
		if err != nil {
			h.Fatal(err)
		}
	}
	return rows
}
