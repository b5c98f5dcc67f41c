//go:build linux

// Statements while `bursar up` runs: put into the inbox, imported by command, and kept away from where they do not belong.

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bursar/internal/aggregate/completeness"
)

// sample lists files of the project's own examples.
func sample(t *testing.T, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files are %s, %v", len(files), pattern, err)
	}
	return files
}

// put puts a file into the inbox of statements, whole at once.
func put(t *testing.T, dir, name, text string) {
	t.Helper()
	hidden := file(t, dir, "inbox/statements/."+name, text)
	if err := os.Rename(hidden, filepath.Join(dir, "inbox", "statements", name)); err != nil {
		t.Fatal(err)
	}
}

// awaitFile waits until a file is there, and reads it.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			return string(text)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("%s does not come", path)
		}
	}
}

// TestStatementsThroughUp puts good and broken files into the inbox; the pipelines follow by themselves, and the commands that
// go to the running process see what came.
func TestStatementsThroughUp(t *testing.T) {
	t.Parallel()
	dir := bankProject(t)
	u := bringUp(t, dir)
	inbox := filepath.Join(dir, "inbox", "statements")
	for _, path := range sample(t, dir, "sample/*") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, filepath.Base(path), string(text))
	}
	put(t, dir, "broken.xml", `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>`)
	for _, path := range sample(t, dir, "sample/*") {
		awaitFile(t, filepath.Join(inbox, "taken", filepath.Base(path)))
	}
	awaitFile(t, filepath.Join(inbox, "failed", "broken.xml"))
	reasons := sample(t, inbox, "failed/broken.xml*")
	if reason := awaitFile(t, reasons[len(reasons)-1]); len(reasons) != 2 || !strings.Contains(reason, "broken.xml:1:") {
		t.Errorf("beside the broken file are %v: %s", reasons, reason)
	}
	broken := 0
	for _, a := range accountsOf(t, 4, dir) {
		broken += a.States[completeness.Broken]
	}
	late := sample(t, dir, "late/*")
	v := imports(t, 0, dir, late...)
	if length(t, v, "files") != len(late) || broken == 0 {
		t.Errorf("%d intervals were broken; import says %v", broken, v)
	}
	accountsOf(t, 0, dir)
	must(t, 1, "import", "--project", dir, filepath.Join(inbox, "failed", "broken.xml"))
	must(t, 0, "run", "--project", dir)
	refuseBuiltin(t, u, sample(t, dir, "sample/*.csv")[0])
	want := undisturbed(t, append(sample(t, dir, "sample/*"), late...))
	wantExports(t, dir, want)
	u.stop(syscall.SIGTERM, 0)
	wantExports(t, dir, want)
}

// refuseBuiltin tries to fill a built-in stream otherwise than from statements.
func refuseBuiltin(t *testing.T, u *running, path string) {
	t.Helper()
	for _, stream := range []string{"entries", "statements", "balances", "details"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.base+"/v1/streams/"+stream+"/events", strings.NewReader(`{"id":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+u.token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("events posted to %s are answered %d", stream, answer.StatusCode)
		}
		if got := must(t, 1, "ingest", stream, path, "--project", u.dir); !strings.Contains(got.err, "bursar import") {
			t.Errorf("ingest %s says %s", stream, got.err)
		}
	}
}
