// The output of a rebuild whose generation differs from the previous one.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRebuildWithBacklog: a difference that waiting batches make is not taken for one between events and artifacts.
func TestRebuildWithBacklog(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	in := func(args ...string) outcome {
		t.Helper()
		return must(t, 0, append(args, "--project", dir)...)
	}
	in("ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))
	in("run")
	in("ingest", "payments", file(t, dir, "one.jsonl", good("1")))
	if got := in("rebuild", "orders").out; !strings.Contains(got, "It differs from the previous generation, which had not folded 1 batch of the backlog:\n") {
		t.Errorf("rebuild prints %s", got)
	}
	in("ingest", "payments", file(t, dir, "two.jsonl", good("2")))
	if v := value(t, in("rebuild", "orders", "--json")); v["batches_added"] != 1.0 || v["retracted"] != false || v["digest_before"] == v["digest_after"] {
		t.Errorf("rebuild says %v", v)
	}
	made := item(t, value(t, in("retract", "payments", "3", "--reason", "a test", "--json")), "rebuilt", 0)
	if made["batches_added"] != 0.0 || made["retracted"] != true || made["digest_before"] == made["digest_after"] {
		t.Errorf("retract rebuilds %v", made)
	}
	if v := value(t, in("rebuild", "orders", "--json")); v["batches_added"] != 0.0 || v["retracted"] != false || v["digest_before"] != v["digest_after"] {
		t.Errorf("rebuild says %v", v)
	}
}
