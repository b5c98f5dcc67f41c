// A stream whose acknowledged events cannot be sealed blocks only itself and the pipelines that fold it.

package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
	"bursar/internal/reconcile/verify"
)

func twoStreams() map[string]string {
	files := map[string]string{}
	for _, s := range []string{"good", "bad"} {
		files["streams/"+s+".yaml"] = "stream: " + s + "\nformat: jsonl\nid: id\ncolumns: {id: {type: string}, n: {type: int}}\n"
		files["pipelines/of_"+s+".yaml"] = "pipeline: of_" + s + "\nfrom: " + s + "\nkey: id\nartifact: {n: {sum: n}}\n"
	}
	files["bursar.yaml"] = "threads: 1\n"
	return files
}

// writeSpool writes a spool as a killed process leaves it.
func writeSpool(t *testing.T, dir string, h spool.Header, bodies ...string) {
	t.Helper()
	w, err := spool.Folders(filepath.Join(dir, ".bursar", "spool")).Of(h.Stream).Create(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range bodies {
		if err := w.Append("", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenSpool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range twoStreams() {
		putFile(t, dir, name, text)
	}
	writeSpool(t, dir, spool.Header{Stream: "good", Number: 1}, `{"id":"g","n":1}`)
	if err := os.MkdirAll(filepath.Join(dir, ".bursar", "spool", "bad", "00000001.spool"), 0o700); err != nil { // a folder cannot be read as a spool
		t.Fatal(err)
	}
	var log bytes.Buffer
	a, err := Open(t.Context(), dir, "test", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	runs, err := a.Run(t.Context(), []string{"of_bad", "of_good"}, nil)
	if len(runs) != 1 || runs[0].Pipeline != "of_good" || err == nil || !strings.Contains(err.Error(), "run of_bad: recover acknowledged events of stream bad from ") {
		t.Errorf("runs are %+v, %v", runs, err)
	}
	file := filepath.Join(dir, "n.jsonl")
	if err := os.WriteFile(file, []byte(`{"id":"f","n":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := a.Ingest(t.Context(), "good", []string{file}, intake.Options{}); err != nil || r.Batch != 2 {
		t.Errorf("ingest: %+v, %v", r, err)
	}
	if _, err := a.Ingest(t.Context(), "bad", []string{file}, intake.Options{}); err == nil {
		t.Error("events go past those that were acknowledged before")
	}
	if runs, err := a.Run(t.Context(), []string{"of_good"}, nil); len(runs) != 1 || err != nil {
		t.Errorf("runs are %+v, %v", runs, err)
	}
	stop, err := a.startLiveIntake(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := a.Accept(t.Context(), "good", live.Request{Body: []byte(`{"id":"h","n":1}`)}); err != nil || answer.Accepted != 1 {
		t.Errorf("accept: %+v, %v", answer, err)
	}
	if _, err := a.Accept(t.Context(), "bad", live.Request{Body: []byte(`{"id":"h","n":1}`)}); failure.Of(err) != failure.Transient {
		t.Errorf("a request to a stream that stands still: %v [%v]", err, failure.Of(err))
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "stream bad") {
		t.Errorf("stop: %v", err)
	}
	if n := strings.Count(log.String(), "a stream cannot ingest"); n == 0 || n > 2 {
		t.Errorf("%d log lines: %s", n, log.String())
	}
}

// TestStranded removes a stream with acknowledged events from the project folder: they are reported until it is restored.
func TestStranded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range twoStreams() {
		putFile(t, dir, name, text)
	}
	writeSpool(t, dir, spool.Header{Stream: "good", Number: 1}, `{"id":"g","n":1}`)
	writeSpool(t, dir, spool.Header{Stream: "gone", Number: 1}, `{"id":"g","n":1}`, `{"id":"h","n":1}`)
	writeSpool(t, dir, spool.Header{Stream: "never", Number: 1}) // nothing was acknowledged
	a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	list, err := a.Stranded(t.Context())
	if err != nil || len(list) != 1 || list[0].Stream != "gone" || list[0].Requests != 2 {
		t.Errorf("stranded are %+v, %v", list, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	putFile(t, dir, "streams/gone.yaml", "stream: gone\nformat: jsonl\nid: id\ncolumns: {id: {type: string}, n: {type: int}}\n")
	if a, err = Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if list, err = a.Stranded(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("stranded are %+v, %v", list, err)
	}
	if unsealed, err := a.recoverAllSpools(t.Context()); err != nil || len(unsealed) != 0 {
		t.Errorf("unsealed are %v, %v", unsealed, err)
	}
	if b, err := event.Batches(t.Context(), a.Events.Catalog, "gone", 0); err != nil || len(b) != 1 || b[0].Accepted != 2 {
		t.Errorf("batches are %+v, %v", b, err)
	}
}

// TestCheckStored finds a changed id declaration before anything is ingested, while the project is open and afterwards.
func TestCheckStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range twoStreams() {
		putFile(t, dir, name, text)
	}
	a, err := Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mustIngest(t, a, "good", putFile(t, dir, "n.jsonl", `{"id":"f","n":1}`))
	check := func(want int) {
		t.Helper()
		p, err := Check(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		faults, _ := CheckStored(t.Context(), p, dir)
		if len(faults) != want || want > 0 && (faults[0].File != "streams/good.yaml" || !strings.Contains(faults[0].Message, "id: [id, n]")) {
			t.Errorf("faults are %v, want %d", faults, want)
		}
	}
	check(0)
	putFile(t, dir, "streams/good.yaml", "stream: good\nformat: jsonl\nid: [id, n]\ncolumns: {id: {type: string}, n: {type: int}}\n")
	check(1)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(filepath.Join(dir, ".bursar"))
	if err != nil {
		t.Fatal(err)
	}
	check(1)
	if after, err := os.ReadDir(filepath.Join(dir, ".bursar")); err != nil || len(after) != len(before) {
		t.Errorf("the state has %v, had %v: %v", after, before, err)
	}
}

// TestSpoolsWithoutCatalog opens a project to be verified whose catalog cannot be read, with acknowledged events of a stream that is not declared:
// nothing is known of its spools then.
func TestSpoolsWithoutCatalog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range twoStreams() {
		putFile(t, dir, name, text)
	}
	writeSpool(t, dir, spool.Header{Stream: "removed", Number: 1}, `{"id":"g","n":1}`)
	putFile(t, dir, ".bursar/catalog.db", strings.Repeat("not a database ", 1000))
	a, err := OpenToVerify(t.Context(), dir, "verify", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := a.Stranded(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("stranded are %+v, %v", list, err)
	}
	v, err := a.VerifyProject(t.Context(), verify.Options{}, func(string, int64, int64) {})
	if err != nil || v.OK {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
