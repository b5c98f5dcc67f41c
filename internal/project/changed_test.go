// A folder whose files change after it was read.

package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/project"
)

func TestChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bursar.yaml", "")
	write("streams/a.yaml", "stream: a\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n")
	write("streams/b.yaml", "stream: b\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n")
	p, errs := project.Read(dir)
	if len(errs) > 0 || len(p.Changed()) > 0 {
		t.Fatalf("%v; changed are %q", errs, p.Changed())
	}
	write("bursar.yaml", "threads: 1\n")
	write("notes.txt", "not read")
	write("pipelines/new.sql", "SELECT 1")
	if err := os.Remove(filepath.Join(dir, "streams", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Changed(), " "); got != "bursar.yaml pipelines/new.sql streams/b.yaml" {
		t.Errorf("changed are %s", got)
	}
}
