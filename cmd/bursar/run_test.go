// Driving the command line in process over projects of the tests' own.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is what a command line left behind.
type outcome struct {
	code     int
	out, err string
}

// bursar carries out one command line.
func bursar(t testing.TB, args ...string) outcome {
	t.Helper()
	return bursarIn(t.Context(), args...)
}

func bursarIn(ctx context.Context, args ...string) outcome {
	var out, err bytes.Buffer
	code := run(ctx, args, &out, &err)
	return outcome{code, out.String(), err.String()}
}

// must fails the test unless the command line ends with code.
func must(t testing.TB, code int, args ...string) outcome {
	t.Helper()
	got := bursar(t, args...)
	if got.code != code {
		t.Fatalf("bursar %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	return got
}

// value reads standard output as exactly one JSON object.
func value(t *testing.T, got outcome) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(got.out))
	var v map[string]any
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("standard output is not one JSON object (%v): %s", err, got.out)
	}
	return v
}

// wantFields fails the test unless an object has all the fields.
func wantFields(t *testing.T, v any, names ...string) {
	t.Helper()
	object, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no JSON object", v)
	}
	for _, name := range names {
		if _, ok := object[name]; !ok {
			t.Errorf("no field %s in %v", name, object)
		}
	}
}

// listIn is a list in an object.
func listIn(t *testing.T, v map[string]any, name string) []any {
	t.Helper()
	list, ok := v[name].([]any)
	if !ok {
		t.Fatalf("%s is no list: %v", name, v)
	}
	return list
}

// length is how many items a list in an object has.
func length(t *testing.T, v map[string]any, name string) int {
	t.Helper()
	return len(listIn(t, v, name))
}

// item is one item of a list in an object.
func item(t *testing.T, v map[string]any, name string, i int) map[string]any {
	t.Helper()
	list := listIn(t, v, name)
	if i >= len(list) {
		t.Fatalf("%s has no item %d: %v", name, i, v)
	}
	object, ok := list[i].(map[string]any)
	if !ok {
		t.Fatalf("item %d of %s is no object: %v", i, name, v)
	}
	return object
}

// shop makes the example project and returns its folder.
func shop(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, 0, "init", dir)
	return dir
}

// file writes a file below the project's folder and returns its path.
func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// badRow is one line that the example's stream rejects.
const badRow = `{"event_id":"bad","type":"gift","amount":"1.00","currency":"USD","occurred_at":"2025-03-03T09:12:00Z","data":{"order":{"id":"o-1"}}}` + "\n"
