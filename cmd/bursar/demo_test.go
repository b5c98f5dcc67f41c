// The demonstration through real processes: this test binary stands in for the program.

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"bursar/internal/process"
)

// asProgram in the environment makes the test binary be the program, for commands that run commands.
const asProgram = "BURSAR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == process.GuardCommand {
		os.Exit(process.GuardMain(os.Args[2:]))
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	debug.SetGCPercent(400) // tests are many small projects
	home, err := os.MkdirTemp("", "bursar-test-")
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", home) // where the keys of vaults are
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

func TestDemo(t *testing.T) {
	t.Setenv(asProgram, "1")
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
