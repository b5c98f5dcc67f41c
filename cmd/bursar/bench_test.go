// The benchmark with a few events: what it prints, not how fast it is.

package main

import (
	"os"
	"strings"
	"testing"
)

func TestBenchReconcile(t *testing.T) {
	t.Setenv(asProgram, "1")
	dir := t.TempDir()
	args := []string{"bench", "reconcile", "--events", "3000", "--keys", "500", "--state", "1000", "--rounds", "2", "--dir", dir}
	v := value(t, must(t, 0, append(args, "--json")...))
	wantFields(t, v, "ratio", "ours_seconds", "yardstick_seconds", "events_per_second", "peak_memory_bytes", "written_bytes",
		"steps", "orchestration_seconds", "server_start_seconds", "rounds")
	wantFields(t, v["steps"], "intake", "reduce", "prefetch", "merge", "index", "publish")
	if rounds, ok := v["rounds"].([]any); !ok || len(rounds) != 2 || v["events"] != 3000.0 {
		t.Errorf("bench says %v", v)
	}
	// More keys than there is state, and several batches.
	told := must(t, 0, "bench", "reconcile", "--events", "900", "--keys", "500", "--state", "100", "--batches", "3", "--rounds", "1", "--dir", dir)
	if !strings.Contains(told.out, "ours takes") {
		t.Errorf("bench tells %q", told.out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
}

// TestBenchGet runs the benchmark of point reads on a few.
func TestBenchGet(t *testing.T) {
	t.Setenv(asProgram, "1") // for the processes that it starts
	dir := t.TempDir()
	v := value(t, must(t, 0, "bench", "get", "--artifacts", "2000", "--reads", "500", "--dir", dir, "--json"))
	wantFields(t, v, "first_us", "cold", "warm", "http", "yardstick", "ratio")
	for _, kind := range []string{"cold", "warm", "http", "yardstick"} {
		wantFields(t, v[kind], "reads", "p50_us", "p99_us", "per_second")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
	must(t, 2, "bench", "get", "--reads", "0")
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	if help := must(t, 0, "bench", "--help"); !strings.Contains(help.out, "reconcile") || strings.Contains(help.out, "part ") {
		t.Errorf("help says %s", help.out)
	}
	must(t, 2, "bench", "reconcile", "--events", "0")
	if got := must(t, 2, "bench", "nothing"); !strings.Contains(got.err, "there are reconcile, intake, freshness and get") {
		t.Errorf("an unknown benchmark: %s", got.err)
	}
}

func TestBenchIntake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"bench", "intake", "--events", "500", "--request", "20", "--connections", "3", "--rounds", "1", "--dir", dir}
	v := value(t, must(t, 0, append(args, "--json")...))
	if v["benchmark"] != "intake" || v["events"] != 500.0 || v["events_per_second"] == 0.0 {
		t.Errorf("bench says %v", v)
	}
	if told := must(t, 0, args...); !strings.Contains(told.out, "500 events of") || !strings.Contains(told.out, "3 clients") {
		t.Errorf("bench tells %q", told.out)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("bench leaves %v (%v)", left, err)
	}
	must(t, 2, "bench", "intake", "--request", "0")
}
