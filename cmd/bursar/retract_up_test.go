//go:build linux

// Retracting in a running project, and by processes that are killed.

package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRetractUp retracts while `bursar up` runs, which carries it out.
func TestRetractUp(t *testing.T) {
	t.Parallel()
	dir, want := retractShop(t)
	must(t, 0, "run", "--project", dir)
	u := bringUp(t, dir)
	got := value(t, must(t, 0, "retract", "payments", "2", "--reason", why, "--project", dir, "--json"))
	if item(t, got, "rebuilt", 0)["pipeline"] != "orders" {
		t.Errorf("retract says %v", got)
	}
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "ingest", "payments", filepath.Join(dir, "wrong.jsonl"), "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "retract", "payments", "3", "--reason", why, "--project", dir)
	must(t, 0, "retract", "payments", "2", "--undo", "--project", dir)
	must(t, 0, "retract", "payments", "2", "--reason", "after all", "--project", dir)
	if got := exportOfOrders(t, dir); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "verify", "--project", dir)
	u.stop(os.Interrupt, 0)
	must(t, 0, "verify", "--project", dir)
}

// TestRetractKilled kills processes at random moments, until one retracts and rebuilds to its end; likewise to take it back.
func TestRetractKilled(t *testing.T) {
	t.Parallel()
	dir, want := retractShop(t)
	must(t, 0, "run", "--project", dir)
	folded := exportOfOrders(t, dir)
	random := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	for _, c := range []struct {
		args []string
		want string
	}{{[]string{"--reason", why}, want}, {[]string{"--undo"}, folded}} {
		for range 4 {
			cmd := program(t, 0, append([]string{"retract", "payments", "2", "--project", dir}, c.args...)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(200+random.IntN(2500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait() // killed, or not
			timer.Stop()
		}
		must(t, 0, append([]string{"retract", "payments", "2", "--project", dir}, c.args...)...)
		if got := exportOfOrders(t, dir); got != c.want {
			t.Errorf("exported is\n%swant\n%s", got, c.want)
		}
		must(t, 0, "verify", "--project", dir)
	}
}
