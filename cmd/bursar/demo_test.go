// The demonstration through real processes: this test binary stands in for the program.

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "the shop")
	v := value(t, must(t, 0, "demo", dir, "--events", "20000", "--json"))
	for name, want := range map[string]any{
		"events": 20000.0, "rows": 20000.0, "kills": 2.0, "artifacts": 5000.0, "equal_to_ledger": true, "project": dir,
	} {
		if v[name] != want {
			t.Errorf("%s is %v, want %v", name, v[name], want)
		}
	}
	wantFields(t, v, "accepted", "quarantined", "duplicates", "seconds", "events_per_second", "runs", "totals", "exceptions")
	// What an earlier demo left is kept or replaced; what others made is refused.
	must(t, 1, "demo", dir, "--keep")
	printed := must(t, 0, "demo", dir, "--events", "2000", "--seed", "7")
	if !strings.Contains(printed.out, "Continue with:") || printed.err != "" {
		t.Errorf("demo prints %q, and on standard error %q", printed.out, printed.err)
	}
	must(t, 1, "demo", filepath.Dir(dir))
	must(t, 0, "verify", "orders", "--project", dir)
}

func TestDemoRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"a", "b"}, {"--events", "99"}, {"--seed", "-1"}} {
		must(t, 2, append([]string{"demo"}, args...)...)
	}
}
