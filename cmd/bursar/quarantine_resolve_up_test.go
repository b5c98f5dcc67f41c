//go:build linux

// Resolving rows in quarantine in a running project, and by processes that are killed.

package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestResolveUp accepts and dismisses while `bursar up` runs, which carries it out.
func TestResolveUp(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	u := bringUp(t, dir)
	must(t, 0, "quarantine", "payments", "--dismiss", "2:2", "--reason", why, "--project", dir)
	got := value(t, must(t, 0, "quarantine", "payments", "--accept", "2:1", "--reason", why, "--project", dir, "--json"))
	if item(t, got, "rebuilt", 0)["pipeline"] != "orders" {
		t.Errorf("accept says %v", got)
	}
	must(t, 0, "run", "--project", dir)
	if got, want := exportOfOrders(t, dir), acceptedShop(t, paid("a", "1.50", "o-1")); got != want {
		t.Errorf("exported is\n%swant\n%s", got, want)
	}
	must(t, 0, "ingest", "payments", file(t, dir, "third.jsonl", paid("d", "1.00", "o-9")+paid("d", "2.00", "o-9")), "--project", dir)
	must(t, 0, "run", "--project", dir)
	must(t, 0, "quarantine", "payments", "--accept", "3:2", "--reason", why, "--project", dir)
	must(t, 0, "verify", "--project", dir)
	expectRefs(t, dir, "2:3")
	expectRefs(t, dir, "2:2", "--dismissed")
	u.stop(os.Interrupt, 0)
	must(t, 0, "verify", "--project", dir)
}

// TestAcceptKilled kills processes at random moments, until one accepts and rebuilds to its end.
func TestAcceptKilled(t *testing.T) {
	t.Parallel()
	dir := conflictShop(t)
	random := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	for _, c := range [][2]string{{"2:1", paid("a", "1.50", "o-1")}, {"2:2", paid("a", "1.75", "o-3")}} {
		args := []string{"quarantine", "payments", "--accept", c[0], "--reason", why, "--project", dir}
		for range 4 {
			cmd := program(t, 0, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(200+random.IntN(2500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			_ = cmd.Wait() // killed, or not
			timer.Stop()
		}
		must(t, 0, args...)
		if got, want := exportOfOrders(t, dir), acceptedShop(t, c[1]); got != want {
			t.Errorf("exported is\n%swant\n%s", got, want)
		}
		must(t, 0, "verify", "--project", dir)
	}
}
