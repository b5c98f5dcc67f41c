// Tests with many keys and many runs.

package indextest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"bursar/internal/artifact"
)

func findMany(t *testing.T, open Opener) {
	x := start(t, open)
	const n = 60_000 // several times what a backend may look up at a time
	var all, even, every7, want []string
	for i := range n {
		key := fmt.Sprintf("%08d", i*3)
		all = append(all, fmt.Sprintf("%08d", i*3-i%2)) // every other key does not exist
		even = append(even, key)
		if i%7 == 0 {
			every7 = append(every7, key)
		}
		if i%2 == 0 {
			want = append(want, fmt.Sprintf("%s@%d", key, 1+min(1, (7-i%7)/7)))
		}
	}
	Load(t, x, orders, 1, even...)
	Load(t, x, orders, 2, every7...)
	check(t)(Find(x, orders, 2, all...))(want...)
	stop, calls := errors.New("stop"), 0
	err := x.Find(context.Background(), orders, 2, bytesOf(all), func(i int, _ artifact.Entry) error {
		if calls++; i >= n/2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != n/4+1 {
		t.Errorf("stopped after %d calls: %v", calls, err)
	}
}

func bytesOf(keys []string) (all [][]byte) {
	for _, key := range keys {
		all = append(all, []byte(key))
	}
	return all
}

// atRandom compares the results of an index with those of a plain map.
func atRandom(t *testing.T, open Opener) {
	x := start(t, open)
	random := rand.New(rand.NewPCG(1, 2))
	loaded := map[string][]uint64{} // runs, newest first
	for run := uint64(1); run <= 12; run++ {
		var keys []string
		for k := random.IntN(5); k < 3000; k += 1 + random.IntN(int(run*run)) {
			key := fmt.Sprintf("%05d", k)
			keys = append(keys, key)
			loaded[key] = append([]uint64{run}, loaded[key]...)
		}
		Load(t, x, orders, run, keys...)
	}
	for asOf := uint64(0); asOf <= 13; asOf++ {
		var all, want []string
		for k := range 3000 {
			key := fmt.Sprintf("%05d", k)
			var history []string
			for _, run := range loaded[key] {
				if run <= asOf {
					history = append(history, fmt.Sprintf("%s@%d", key, run))
				}
			}
			all, want = append(all, key), append(want, history[:min(1, len(history))]...)
			if k%50 == 0 {
				check(t)(History(x, orders, asOf, key))(history...)
			}
		}
		check(t)(Scan(x, orders, asOf))(want...)
		check(t)(Find(x, orders, asOf, all...))(want...)
	}
}
