// Playing seeds: as many as a test asks for, or one again.

package banktest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// EachSeed plays so many seeds side by side, or SEED alone.
func EachSeed(t *testing.T, first, seeds int, play func(t *testing.T, seed int)) {
	t.Helper()
	last := first + seeds - 1
	if seed, err := strconv.Atoi(os.Getenv("SEED")); err == nil {
		first, last = seed, seed
	}
	t.Logf("seeds %d to %d", first, last)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			play(t, seed)
		})
	}
}
