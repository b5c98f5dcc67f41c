// bursar trace of events whose accounting entry is undone later.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTraceShowsUndone: that an event was retracted, and counts again, is part of its trace.
func TestTraceShowsUndone(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	in := func(args ...string) outcome {
		t.Helper()
		return must(t, 0, append(args, "--project", dir)...)
	}
	in("ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))
	in("ingest", "payments", file(t, dir, "one.jsonl", good("x")+good("y")))
	in("run")
	if got := in("trace", "orders", "x", "USD"); strings.Contains(got.out, "retracted") {
		t.Errorf("trace prints %s", got.out)
	}
	in("retract", "payments", "2", "--event", "x", "--reason", "a mistake")
	in("retract", "payments", "2", "--event", "x", "--undo")
	if got := in("trace", "orders", "x", "USD").out; !strings.Contains(got, `Event "x" of batch 2 of payments was retracted at `) || !strings.Contains(got, "(a mistake), and counts again since ") {
		t.Errorf("trace prints %s", got)
	}
	if got := in("trace", "orders", "y", "USD").out; strings.Contains(got, "retracted") {
		t.Errorf("trace of another event prints %s", got)
	}
	if undone := item(t, value(t, in("trace", "orders", "x", "USD", "--json")), "undone", 0); undone["reason"] != "a mistake" || undone["batch"] != 2.0 {
		t.Errorf("trace says %v", undone)
	}
}
