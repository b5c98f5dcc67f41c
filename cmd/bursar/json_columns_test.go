// Columns of JSON through the command line: every command prints their values as JSON, and verify recomputes them.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJSONColumns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bursar.yaml":    "",
		"streams/s.yaml": "stream: s\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n  j: {type: json, optional: true}\n",
		"pipelines/p.yaml": "pipeline: p\nfrom: s\nkey: id\nartifact:\n  n: {count: true}\n  l: {last: j, by: id}\n  all: {list: [id, j], by: id}\n" +
			"exceptions: {where: \"n > 0\"}\n",
		"s.jsonl": "{\"id\":\"1\",\"j\":{\"a\":[1,\"x\"]}}\n{\"id\":\"2\"}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, 0, "ingest", "s", filepath.Join(dir, "s.jsonl"), "--project", dir)
	must(t, 0, "run", "--project", dir)
	for _, args := range []string{"get p 1", "exceptions p", "trace p 1", "export p --to -"} {
		line := append(strings.Fields(args), "--project", dir)
		if !strings.HasPrefix(args, "export") {
			line = append(line, "--json")
		}
		if got := must(t, 0, line...).out; !strings.Contains(got, `{"a":[1,"x"]}`) || strings.Contains(got, `\"a\"`) {
			t.Errorf("%s prints %s", args, got)
		}
	}
	must(t, 0, "verify", "--project", dir)
}
