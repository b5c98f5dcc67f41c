// Runs a test for many seeds, or again for one.

package banktest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// RunSeeds runs a subtest for each of some seeds in parallel, or only for the seed in the variable SEED.
func RunSeeds(t *testing.T, first, seeds int, run func(t *testing.T, seed int)) {
	t.Helper()
	last := first + seeds - 1
	if seed, err := strconv.Atoi(os.Getenv("SEED")); err == nil {
		first, last = seed, seed
	}
	t.Logf("seeds %d to %d", first, last)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			run(t, seed)
		})
	}
}
