// Seeded cases against the model. SEED=n replays one, SEEDS=n says how many further ones are tried.

package auditor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
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

// TestMain has less garbage collected: cases are many and small.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

const (
	// played is how many seeds there are for TestAuditor.
	played = 2000
	// sample is how many of them are played without SEEDS: in as many seeds one behind another there is every kind of case, see kindOf.
	sample = 480
)

// TestAuditor plays a random sample of the cases, 200 of them with -short and under the race detector; or all, if SEEDS is set.
func TestAuditor(t *testing.T) {
	t.Parallel()
	seeds := uint64(sample)
	switch {
	case os.Getenv("SEEDS") != "":
		seeds = played
	case testing.Short() || raced:
		seeds = 200
	}
	playAll(t, 1+rand.Uint64N(played-seeds+1), seeds)
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
	logTally(t)
	var next atomic.Uint64
	next.Store(first)
	for worker := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("worker", worker), func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(shmDir(t), "project")
			for seed := next.Add(1) - 1; seed <= last; seed = next.Add(1) - 1 {
				if !t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { playSeed(t, folder, seed) }) {
					folder = filepath.Join(shmDir(t), "project") // the failed case has its stores open
				}
			}
		})
	}
}

// tally counts what the cases met, so that one sees that they meet it.
var tally sync.Map // of *atomic.Int64 by text

func count(format string, args ...any) {
	n, _ := tally.LoadOrStore(fmt.Sprintf(format, args...), new(atomic.Int64))
	n.(*atomic.Int64).Add(1) //nolint:errcheck // nothing else is stored
}

// logTally logs it at the end.
func logTally(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		tally.Range(func(what, n any) bool {
			t.Logf("%s: %d", what, n.(*atomic.Int64).Load()) //nolint:errcheck // nothing else is stored
			return true
		})
	})
}

// playSeed plays one case in a folder: one in ten with damage, and of the others every third without faults, the rest
// with up to four; those with a backlog have fewer.
func playSeed(t *testing.T, folder string, seed uint64) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	size, faults, harms := kindOf(seed)
	stageIn(t, folder, New(seed, size), faults, harms).play()
}

// kindOf is what kind of case a seed is: its size, and how many faults and damages disturb it.
func kindOf(seed uint64) (size Size, faults, harms int) {
	size = Size{Streams: 1, Files: 3, Rows: 40}
	if seed%8 == 1 {
		size.Streams = 3
	}
	switch {
	case seed%32 == 19:
		size = Size{Streams: 3, Calls: 4, Files: 4, Rows: 8, Backlog: true}
	case seed%80 == 0:
		size = Size{Streams: 1, Files: 12, Rows: 200}
	case seed%160 == 20:
		size = Size{Streams: 2, Calls: 12, Files: 16, Rows: 20} // enough batches for merges of the dedupe index
	}
	faults = int(seed%3) * 2
	switch {
	case seed%10 == 1:
		faults, harms = 0, 2
	case size.Backlog: // no attempt is late while a fault is ahead
		faults = max(faults-2, 0)
	}
	size.Retract = harms == 0 && seed%14 == 1
	size.Accept = size.Retract
	if size.Versions = (seed+seed/16)%16 == 3; size.Versions { // beside all of the above
		size.Calls = max(size.Calls, 3)
	}
	return size, faults, harms
}
