// Bad project folders, and what must change nothing: dry runs, too many rejected rows, a line without end.

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestBadProjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text, message string }{
		{"unknown key", "bursar.yaml", "memroy: 1GB\n", "bursar.yaml:1: unknown key `memroy`"},
		{"aliases", "streams/payments.yaml", "a: &a [x, x]\nb: [*a, *a]\n", "streams/payments.yaml:1: anchors (&) and aliases (*) are not supported"},
		{"nested", "streams/payments.yaml", "a: " + strings.Repeat("[", 20_000), "streams/payments.yaml:1: not valid YAML"},
		{"large", "pipelines/orders.yaml", strings.Repeat("# x\n", 1<<19), "pipelines/orders.yaml:1: the file is larger than 1048576 bytes"},
		{"binary", "bursar.yaml", "\x7fELF\x02\x01\x00\xfe", "bursar.yaml:1: not valid YAML"},
		{"two documents", "bursar.yaml", "---\n{}\n---\n{}\n", "bursar.yaml:3: a second document starts here"},
		{
			"decimal without quotes", "streams/payments.yaml", slipped("{type: decimal(18, 2), optional: true}"),
			"streams/payments.yaml:5: `2)` is taken for a key, because a comma ends a value without quotes inside { }: write type: \"decimal(18,2)\"\nerror: 1 error in the project folder",
		},
		{"list without brackets", "streams/payments.yaml", slipped("{type: string, in: a, b}"), "streams/payments.yaml:5: `b` is taken for a key, because a comma ends a value without quotes inside { }: write in: [a, b]\nerror: 1 error in the project folder"},
		{"list as one text", "streams/payments.yaml", slipped(`{type: string, in: "a, b"}`), "streams/payments.yaml:5: `in` is one text with a comma in it: write in: [a, b]\nerror: 1 error in the project folder"},
		{"tab", "streams/payments.yaml", slipped("{type: string}\n\tb: {type: string}"), "streams/payments.yaml:6: not valid YAML: a tab stands before the text: YAML is indented with spaces only, so write spaces\nerror: 1 error in the project folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := shop(t)
			file(t, dir, c.file, c.text)
			if strings.Contains(c.message, "error: ") {
				if err := os.RemoveAll(filepath.Join(dir, "pipelines")); err != nil {
					t.Fatal(err)
				}
			}
			if got := must(t, 2, "check", "--project", dir); !strings.Contains(got.out+got.err, c.message) {
				t.Errorf("check prints %s, want %s", got.out+got.err, c.message)
			}
			got := must(t, 2, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
			if !strings.HasPrefix(got.err, "error: "+strings.Split(c.message, ":")[0]) || got.out != "" {
				t.Errorf("ingest prints %+v", got)
			}
			if _, err := os.Stat(filepath.Join(dir, ".bursar")); err == nil {
				t.Error("a faulty project has state")
			}
		})
	}
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if got := must(t, 2, "status", "--project", nowhere); !strings.Contains(got.err, "is not a project folder") {
		t.Errorf("standard error is %s", got.err)
	}
	if _, err := os.Stat(nowhere); err == nil {
		t.Error("a project that was not there has been made")
	}
}

// slipped is a stream file with a column on its fifth line.
func slipped(column string) string {
	return "stream: payments\nformat: jsonl\nid: _row\ncolumns:\n  a: " + column + "\n"
}

// TestRefusedFiles: what is refused before or after counting leaves the stream as it was.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	mixed := file(t, dir, "mixed.jsonl", good("1")+"no\n"+good("2"))
	at := func(args ...string) []string { return append(args, "--project", dir, "--json") }
	for _, args := range [][]string{{mixed, dir}, {mixed, filepath.Join(dir, "none.jsonl")}} {
		if got := must(t, 1, at(append([]string{"ingest", "payments"}, args...)...)...); got.out != "" || !strings.Contains(got.err, args[1]) {
			t.Errorf("ingest %v prints %+v", args, got)
		}
	}
	v := value(t, must(t, 0, at("ingest", "payments", mixed, "--dry-run")...))
	if v["batch"] != 0.0 || v["accepted"] != 2.0 || v["quarantined"] != 1.0 {
		t.Errorf("dry run says %v", v)
	}
	if r := item(t, v, "rejected", 0); r["file"] != mixed || r["row"] != 2.0 || r["reason"] != "malformed JSON at byte 1: a line must be an object" {
		t.Errorf("dry run rejects %v", r)
	}
	over := must(t, 1, at("ingest", "payments", mixed, "--max-rejected", "30%")...)
	if v := value(t, over); v["batch"] != 0.0 || !strings.Contains(over.err, "1 of 3; nothing was sealed") {
		t.Errorf("beyond the limit: %+v", over)
	}
	if n := length(t, value(t, must(t, 0, at("quarantine")...)), "rows"); n != 0 {
		t.Errorf("%d rows are in quarantine of a stream without batches", n)
	}
	v = value(t, must(t, 0, at("ingest", "payments", mixed, "--max-rejected", "34%")...))
	if v["batch"] != 1.0 || v["accepted"] != 2.0 {
		t.Errorf("within the limit: %v", v)
	}
	none := must(t, 1, "ingest", "payments", file(t, dir, "none.jsonl", "no\nneither\n"), "--project", dir)
	if !strings.Contains(none.err, "2 rows read, none accepted [data]\nhint: none.jsonl row 1: ") {
		t.Errorf("standard error is %s", none.err)
	}
	wantArtifacts(t, dir, 2)
}

// TestEndlessLine ingests a line of 100 MB between two valid ones; it is kept in a separate object.
func TestEndlessLine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("writes a line of 100 MB")
	}
	dir := shop(t)
	path := filepath.Join(dir, "long.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, good("1"))
	for range 100 {
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
	}
	fmt.Fprint(w, "\n"+good("2"))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	v := value(t, must(t, 0, "ingest", "payments", path, "--project", dir, "--json"))
	if v["rows"] != 3.0 || v["accepted"] != 2.0 || v["quarantined"] != 1.0 {
		t.Errorf("ingest says %v", v)
	}
	row := item(t, value(t, must(t, 0, "quarantine", "--project", dir, "--json")), "rows", 0)
	if row["row"] != 2.0 || !strings.Contains(words(row, "reason"), "104857600 bytes long: the limit is 64 MiB") {
		t.Errorf("quarantine says %v", row)
	}
	kept, err := os.Stat(filepath.Join(dir, ".bursar", "objects", words(row, "object")))
	if err != nil || kept.Size() == 0 || kept.Size() > 1<<20 { // compressed
		t.Errorf("the row is kept as %v, %v", kept, err)
	}
	wantArtifacts(t, dir, 2)
}

// TestChangedPipeline: check and status name a pipeline that is declared in another way than when its artifacts were made.
func TestChangedPipeline(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	in := func(code int, args ...string) outcome {
		t.Helper()
		return must(t, code, append(args, "--project", dir)...)
	}
	in(0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))
	in(0, "run")
	want := func(changed ...any) {
		t.Helper()
		check, status := value(t, in(0, "check", "--json")), value(t, in(0, "status", "--json"))
		var named any
		if changed != nil {
			named = []any{map[string]any{"pipeline": "orders", "file": "pipelines/orders.yaml", "changed": changed}}
		}
		if got := check["outdated"]; !reflect.DeepEqual(got, named) {
			t.Errorf("check: outdated is %v, want %v", got, named)
		}
		if got, _ := item(t, status, "pipelines", 0)["changed"].([]any); !reflect.DeepEqual(got, changed) {
			t.Errorf("status: changed is %v, want %v", got, changed)
		}
	}
	want()
	rewrite(t, dir, "pipelines/orders.yaml", "{last: type,", "{first: type,")
	want("artifact.last_type")
	for _, command := range []string{"check", "status"} {
		if got := in(0, command).out; !strings.Contains(got, "pipeline orders has changed (artifact.last_type)") || !strings.HasSuffix(got, "next: bursar rebuild orders\n") {
			t.Errorf("%s prints %s", command, got)
		}
	}
	in(0, "rebuild", "orders")
	want()
}
