// Seeded cases against the model. SEED=n replays one, SEEDS=n says how many are tried.

package auditor

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
)

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestAuditor plays 2,000 cases, or 200 of them with -short and under the race detector.
func TestAuditor(t *testing.T) {
	t.Parallel()
	seeds := uint64(2000)
	if testing.Short() || raced {
		seeds = 200
	}
	playAll(t, 1, number(t, "SEEDS", seeds))
}

// TestSoakAuditor plays as many further cases as SEEDS says.
func TestSoakAuditor(t *testing.T) {
	t.Parallel()
	seeds := number(t, "SEEDS", 0)
	if seeds == 0 {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	playAll(t, number(t, "FIRST", 1_000_000), seeds)
}

// playAll plays the cases of so many seeds, or of SEED alone.
func playAll(t *testing.T, first, seeds uint64) {
	t.Helper()
	last := first + seeds - 1
	if seed := number(t, "SEED", 0); seed > 0 {
		first, last = seed, seed
	}
	t.Logf("seeds %d to %d", first, last)
	var next atomic.Uint64
	next.Store(first)
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1) - 1; seed <= last; seed = next.Add(1) - 1 {
				t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { playSeed(t, seed) })
			}
		})
	}
}

// playSeed plays one case: every third without faults, the others with up to four.
func playSeed(t *testing.T, seed uint64) {
	t.Helper()
	size := Size{Files: 4, Rows: 40}
	switch seed % 40 {
	case 10:
		size = Size{Calls: 6, Files: 8, Rows: 10, Backlog: true}
	case 0:
		size = Size{Files: 12, Rows: 200}
	case 20:
		size = Size{Calls: 12, Files: 16, Rows: 20} // enough batches for merges of the duplicate memory
	}
	newStage(t, New(seed, size), int(seed%3)*2).play()
}
