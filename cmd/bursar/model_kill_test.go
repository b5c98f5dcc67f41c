//go:build linux

// Runs of models by processes that are killed.

package main

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestModelRunKilled kills processes at random moments while they run models. Afterwards all models and the record of the run are of one run.
func TestModelRunKilled(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	file(t, dir, "warehouse/numbers.sql", "-- model: numbers\nSELECT i, :this_run AS made FROM range(200000) AS r(i)\n")
	file(t, dir, "warehouse/counts.sql", "-- model: counts\n-- tests:\n"+
		"--   - {balanced: {sum: n, equals: \"SELECT count(*) FROM numbers WHERE made = (SELECT started FROM bursar_models WHERE model = 'numbers')\"}, name: record}\n"+
		"--   - {balanced: {sum: n, equals: SELECT 200000}, name: whole}\n"+
		"SELECT made, count(*) AS n FROM numbers GROUP BY made\n")
	must(t, 0, "model", "run", "--project", dir)
	random := rand.New(rand.NewPCG(uint64(os.Getpid()), 2))
	for range 8 {
		cmd := program(t, 0, "model", "run", "--project", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(50+random.IntN(450))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or not
		timer.Stop()
		must(t, 0, "model", "test", "--project", dir)
	}
}
