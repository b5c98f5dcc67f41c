// Tests of indexes that several processes have open at once.

package indextest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/failure"
)

// RunShared runs the tests of an index that may be open more than once. Each open index of a test is one process.
func RunShared(t *testing.T, open Opener) {
	tests := map[string]func(t *testing.T, open Opener){
		"the same load at once":             sameLoad,
		"shares and generations at once":    sharesAtOnce,
		"loads and drops at once":           loadsAndDrops,
		"changes of another process":        changesOfAnother,
		"a read beside a drop is not short": readBesideDrop,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// processes opens an index more than once.
func processes(t *testing.T, open Opener, n int) (all []artifact.Index) {
	t.Helper()
	dir := t.TempDir()
	for range n {
		all = append(all, startIn(t, open, dir))
	}
	return all
}

// sameLoad: an attempt that wakes up late loads what another one loads.
func sameLoad(t *testing.T, open Opener) {
	all := processes(t, open, 3)
	var done sync.WaitGroup
	for _, x := range all {
		for range 2 {
			done.Go(func() {
				for run := uint64(1); run <= 3; run++ {
					if err := x.Load(context.Background(), orders, run, Numbered("k", 5000, run)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	done.Wait()
	for _, x := range all {
		loadsAre(t, x, orders, "3:5000", "2:5000", "1:5000")
		check(t)(History(x, orders, allRuns, "k00001234"))("k00001234@3", "k00001234@2", "k00001234@1")
		if got, err := Scan(x, orders, 2); err != nil || len(got) != 5000 || got[4999] != "k00005000@2" {
			t.Errorf("%d entries, %v", len(got), err)
		}
	}
}

// sharesAtOnce: the shares of a run, and runs of generations that nobody has loaded before.
func sharesAtOnce(t *testing.T, open Opener) {
	all := processes(t, open, 2)
	var done sync.WaitGroup
	for i, x := range all {
		for g := range uint64(4) {
			done.Go(func() {
				space := artifact.Space{Pipeline: "orders", Generation: g}
				if err := x.Load(context.Background(), space, 1, Numbered(fmt.Sprintf("share%d/", i), 1000, 1)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	done.Wait()
	for g := range uint64(4) {
		space := artifact.Space{Pipeline: "orders", Generation: g}
		loadsAre(t, all[0], space, "1:1000", "1:1000")
		if got, err := Scan(all[1], space, 1); err != nil || len(got) != 2000 {
			t.Errorf("%d entries, %v", len(got), err)
		}
	}
}

// loadsAndDrops: after each drop a load is complete or not there.
func loadsAndDrops(t *testing.T, open Opener) {
	all := processes(t, open, 2)
	for range 10 {
		var done sync.WaitGroup
		done.Go(func() {
			if err := all[0].Load(context.Background(), orders, 1, Numbered("k", 100, 1)); err != nil && !failure.Of(err).Retryable() {
				t.Error(err)
			}
		})
		done.Go(func() {
			if err := all[1].Drop(context.Background(), orders); err != nil {
				t.Error(err)
			}
		})
		done.Wait()
		loads, err := Loads(all[1], orders)
		entries, errScan := Scan(all[1], orders, 1)
		if err != nil || errScan != nil || len(entries) != 100*len(loads) || len(loads) > 1 {
			t.Errorf("loads %q with %d entries, %v, %v", loads, len(entries), err, errScan)
		}
	}
}

func changesOfAnother(t *testing.T, open Opener) {
	all := processes(t, open, 2)
	x, other := all[0], all[1]
	check(t)(Find(x, orders, allRuns, "a", "b"))()
	Load(t, other, orders, 1, "a")
	check(t)(Find(x, orders, allRuns, "a", "b"))("a@1")
	Load(t, other, orders, 2, "b")
	check(t)(Scan(x, orders, allRuns))("a@1", "b@2")
	must(t, other.Drop(context.Background(), orders))
	check(t)(History(x, orders, allRuns, "a"))()
	check(t)(Find(x, orders, allRuns, "a", "b"))()
	Load(t, other, orders, 3, "b")
	for range 2 {
		must(t, other.Drop(context.Background(), orders))
		Load(t, other, orders, 4, "b")
		check(t)(Find(x, orders, allRuns, "a", "b"))("b@4")
		check(t)(Scan(x, orders, allRuns))("b@4")
		must(t, other.Drop(context.Background(), orders))
		Load(t, other, orders, 5, "b")
		check(t)(History(x, orders, allRuns, "b"))("b@5")
		Load(t, x, orders, 6, "b")
		loadsAre(t, other, orders, "6:1", "5:1")
	}
}

// readBesideDrop: another process drops the generation, and loads a smaller one, when a read has its first result.
func readBesideDrop(t *testing.T, open Opener) {
	all := processes(t, open, 2)
	const n = 60_000
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "k%08d", i+1)
	}
	x, ctx := all[0], context.Background()
	for name, read := range map[string]func(found func()) error{
		"scan": func(found func()) error {
			return x.Scan(ctx, orders, 1, func(artifact.Entry) error { found(); return nil })
		},
		"find": func(found func()) error {
			return x.Find(ctx, orders, 1, keys, func(int, artifact.Entry) error { found(); return nil })
		},
	} {
		must(t, all[1].Drop(ctx, orders))
		must(t, x.Load(ctx, orders, 1, Numbered("k", n, 1)))
		results := 0
		err := read(func() {
			if results++; results == 1 {
				must(t, all[1].Drop(ctx, orders))
				must(t, all[1].Load(ctx, orders, 1, Entries(At("k00000002", 1))))
			}
		})
		if err == nil && results != n || err != nil && failure.Of(err) != failure.Transient {
			t.Errorf("%s beside a drop: %d of %d entries, %v", name, results, n, err)
		}
	}
}
