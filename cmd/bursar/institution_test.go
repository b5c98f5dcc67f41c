// Tests of simulated institutions.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// TestSimulate: a simulated institution declares itself in a project, which refreshes its accounts; started again it has the same address.
func TestSimulate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file(t, dir, "bursar.yaml", "")
	in := []string{"--project", dir, "--json"}
	first, stop := simulate(t, append(in, "--into", "acme", "--kind", "cursor", "--accounts", "2", "--faults", "latency=1ms")...)
	if length(t, first, "accounts") != 2 || first["added"] != 2.0 || first["secrets"] != 4.0 {
		t.Errorf("simulated %v", first)
	}
	must(t, 0, append(in, "check")...)
	if done := value(t, must(t, 0, append(in, "account", "refresh", "--institution", "acme")...)); done["failed"] != 0.0 {
		t.Errorf("refreshed %v", done)
	}
	stop()
	again, stop := simulate(t, append(in, "--into", "acme", "--kind", "cursor", "--accounts", "2")...)
	if fmt.Sprint(again["settings"]) != fmt.Sprint(first["settings"]) || again["added"] != 0.0 {
		t.Errorf("again %v", again)
	}
	must(t, 0, append(in, "account", "refresh", "acme/"+words(item(t, again, "accounts", 0), "account"))...)
	stop()
	for _, wrong := range [][]string{{"--into", "acme", "--kind", "ofx"}, {"--into", "Acme"}, {"--kind", "files"}, {"--accounts", "0"}, {"--faults", "reset=2"}, {"--faults", "x=1"}, {"--faults", "outage_for=1s"}} {
		must(t, 2, append(append([]string{"institution", "simulate"}, in...), wrong...)...)
	}
}

// TestSimulateAlone: without --into, the institution only prints what is needed to reach it.
func TestSimulateAlone(t *testing.T) {
	t.Parallel()
	shown, stop := simulate(t, "--json", "--kind", "simplefin", "--faults", "worst")
	ca := words(shown, "ca")
	if text, err := os.ReadFile(ca); err != nil || !strings.Contains(string(text), "CERTIFICATE") {
		t.Errorf("the authority is %q, %v", text, err)
	}
	wantFields(t, item(t, shown, "accounts", 0)["credentials"], "access_url")
	wantFields(t, shown, "setup_token", "settings", "kind")
	stop()
	if _, err := os.Stat(ca); !os.IsNotExist(err) {
		t.Errorf("the file of the authority stays: %v", err)
	}
}

// simulate starts an institution, and returns what it prints. stop ends it as Ctrl-C does; it must end with exit code 0.
func simulate(t *testing.T, args ...string) (shown map[string]any, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var failed strings.Builder
	go func() {
		code := run(ctx, append([]string{"institution", "simulate"}, args...), in, &failed)
		_ = in.Close()
		ended <- code
	}()
	if err := json.NewDecoder(out).Decode(&shown); err != nil {
		t.Fatalf("%v: %s", err, failed.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return shown, func() {
		t.Helper()
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("the institution ended with %d: %s", code, failed.String())
		}
	}
}
