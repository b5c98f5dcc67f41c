// An older catalog put back below the events, and acknowledged events of a stream that is taken out of the folder: every command
// says so, and what it names mends it.

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOlderCatalogPutBack puts back a copy of the catalog that knows two of four batches.
func TestOlderCatalogPutBack(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	for _, id := range []string{"a", "b"} {
		must(t, 0, "ingest", "payments", file(t, dir, id+".jsonl", good(id)), "--project", dir)
	}
	must(t, 0, "run", "--project", dir)
	path := filepath.Join(dir, ".bursar", "catalog.db")
	older, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"c", "d"} {
		must(t, 0, "ingest", "payments", file(t, dir, id+".jsonl", good(id)), "--project", dir)
	}
	must(t, 0, "run", "--project", dir)
	want := exportOfOrders(t, dir)
	if left, err := filepath.Glob(path + "-*"); err != nil || len(left) > 0 {
		t.Fatalf("beside the catalog of a closed project lies %v, %v", left, err)
	}
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	more := file(t, dir, "e.jsonl", good("e"))
	for _, args := range [][]string{
		{"status"}, {"ingest", "payments", more}, {"verify"}, {"run"}, {"get", "orders", "o-1003", "USD"}, {"rebuild", "orders"},
	} {
		got := bursar(t, append(args, "--project", dir, "--json")...)
		if got.code == 0 || !strings.Contains(got.out+got.err, "bursar repair") || strings.Contains(got.err, "[bug]") {
			t.Errorf("%s ends with %d: %s%s", args[0], got.code, got.out, got.err)
		}
	}
	must(t, 0, "repair", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "run", "--project", dir) // of the batches that the catalog knows again
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swhere it was\n%s", got, want)
	}
	got := value(t, must(t, 0, "ingest", "payments", more, file(t, dir, "again.jsonl", good("d")), "--project", dir, "--json"))
	if got["accepted"] != 1.0 || got["duplicates"] != 1.0 {
		t.Errorf("after the repair an event that is known and one that is new give %v", got)
	}
}

// TestDamagedTemporalDatabase damages the database of histories: who needs it is given the command that replaces it, and artifacts
// are read without it.
func TestDamagedTemporalDatabase(t *testing.T) {
	t.Parallel()
	base := shop(t)
	must(t, 0, "ingest", "payments", file(t, base, "a.jsonl", good("a")), "--project", base)
	must(t, 0, "run", "--project", base)
	want := exportOfOrders(t, base)
	for name, damage := range map[string]func(text []byte) []byte{
		"no database": func(text []byte) []byte { return []byte(strings.Repeat("no database ", 1000)) },
		"cut off":     func(text []byte) []byte { return text[:len(text)/3] },
		"zeroed":      func(text []byte) []byte { clear(text[4096:]); return text },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, base)
			path := filepath.Join(dir, ".bursar", "temporal.db")
			text, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, damage(text), 0o600)
			}
			for _, side := range []string{"-wal", "-shm"} {
				_ = os.Remove(path + side) // where there is one
			}
			if err != nil {
				t.Fatal(err)
			}
			must(t, 0, "ingest", "payments", file(t, dir, "b.jsonl", good("b")), "--project", dir)
			if got := exportOfOrders(t, dir); got != want {
				t.Errorf("exported is\n%swhere it was\n%s", got, want)
			}
			got := bursar(t, "run", "--project", dir)
			if got.code == 0 || !strings.Contains(got.err, "[data]") || !strings.Contains(got.err, "bursar repair") {
				t.Errorf("run ends with %d: %s%s", got.code, got.out, got.err)
			}
			found := bursar(t, "verify", "--project", dir, "--json")
			if found.code == 0 || !strings.Contains(found.out, "temporal.db is damaged") || !strings.Contains(found.out, `"remedy":"bursar repair"`) {
				t.Errorf("verify ends with %d: %s%s", found.code, found.out, found.err)
			}
			must(t, 0, "repair", "--project", dir)
			must(t, 0, "verify", "--project", dir)
			must(t, 0, "run", "--project", dir)
			if got := exportOfOrders(t, dir); got == want {
				t.Error("the run after the repair changes nothing")
			}
		})
	}
}

// TestStreamTakenOutWithAcknowledgedEvents: while its spool contains acknowledged events, every command names the stream.
func TestStreamTakenOutWithAcknowledgedEvents(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	must(t, 0, "ingest", "payments", file(t, dir, "a.jsonl", good("a")), "--project", dir)
	declaration := "stream: old\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\nseal: {every: 10m}\n"
	path := file(t, dir, "streams/old.yaml", declaration)
	u := bringUp(t, dir)
	if code, body := u.postTo("old", `{"id":"1"}`, ""); code != http.StatusOK {
		t.Fatalf("the request is answered with %d: %s", code, body)
	}
	u.stop(syscall.SIGKILL, -1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out+got.err, "streams/old.yaml") {
		t.Errorf("status says %s%s", got.out, got.err)
	}
	if got := must(t, 0, "status", "--project", dir, "--json"); !strings.Contains(got.out, `"stranded":[{"stream":"old","requests":1`) {
		t.Errorf("status says %s", got.out)
	}
	if got := must(t, 0, "run", "--project", dir); !strings.Contains(got.err, "warning: stream old is not declared, with 1 acknowledged request not sealed in") {
		t.Errorf("run says %s", got.err)
	}
	if got := bursar(t, "verify", "--project", dir); got.code == 0 || !strings.Contains(got.out+got.err, "streams/old.yaml") {
		t.Errorf("verify ends with %d: %s%s", got.code, got.out, got.err)
	}
	file(t, dir, "streams/old.yaml", declaration)
	again := file(t, dir, "old.jsonl", `{"id":"1"}`+"\n")
	if got := value(t, must(t, 0, "ingest", "old", again, "--project", dir, "--json")); got["duplicates"] != 1.0 {
		t.Errorf("with the stream back its event is not known: %v", got)
	}
	must(t, 0, "verify", "--project", dir)
}
