// Tests of Load: what it makes visible, and what is durable.

package indextest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"bursar/internal/artifact"
)

func reload(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 1, "a", "b", "c")
	Load(t, x, orders, 2, "b", "d")
	for range 2 {
		Load(t, x, orders, 1, "a", "b", "c")
	}
	Load(t, x, orders, 2, "b", "d")
	check(t)(Scan(x, orders, allRuns))("a@1", "b@2", "c@1", "d@2")
	check(t)(History(x, orders, allRuns, "b"))("b@2", "b@1")
}

func failedLoad(t *testing.T, open Opener) {
	dir := t.TempDir()
	x := startIn(t, open, dir)
	Load(t, x, orders, 1, "a")
	fault, left := errors.New("fault"), 100_000
	key := []byte("b000000")
	err := x.Load(context.Background(), orders, 2, func() (artifact.Entry, bool, error) {
		if left--; left < 0 {
			return artifact.Entry{}, false, fault
		}
		for i := len(key) - 1; ; i-- { // the next number
			if key[i]++; key[i] <= '9' {
				break
			}
			key[i] = '0'
		}
		return artifact.Entry{Key: key}, true, nil
	})
	if !errors.Is(err, fault) {
		t.Errorf("load: %v, want next's error", err)
	}
	check(t)(Scan(x, orders, allRuns))("a@1")
	Load(t, x, orders, 2, "b")
	check(t)(Scan(x, orders, allRuns))("a@1", "b@2")
}

// cancelledLoad: a load whose context ends at any point loads nothing.
func cancelledLoad(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 1, "a")
	const n = 150_000 // several times what a backend may write at a time
	for _, at := range []int{0, 1, 5000, 70_000, 140_000, n} {
		ctx, cancel := context.WithCancel(context.Background())
		next := Numbered("b", n, 2)
		i := 0
		err := x.Load(ctx, orders, 2, func() (artifact.Entry, bool, error) {
			if i == at {
				cancel()
			}
			i++
			return next()
		})
		cancel()
		if !errors.Is(err, context.Canceled) && at < n {
			t.Errorf("cancelled at entry %d: %v", at, err)
		}
		if err != nil {
			check(t)(Scan(x, orders, allRuns))("a@1")
			loadsAre(t, x, orders, "1:1")
		}
	}
	must(t, x.Load(context.Background(), orders, 2, Numbered("b", n, 2)))
	loadsAre(t, x, orders, fmt.Sprintf("2:%d", n), "1:1")
}

// Numbered returns the entries of so many keys with the same first bytes.
func Numbered(prefix string, n int, run uint64) func() (artifact.Entry, bool, error) {
	i := 0
	return func() (artifact.Entry, bool, error) {
		if i == n {
			return artifact.Entry{}, false, nil
		}
		i++
		return At(fmt.Sprintf("%s%08d", prefix, i), run), true, nil
	}
}

// replaced: a run that starts again from the events may have other parts.
func replaced(t *testing.T, open Opener) {
	x := start(t, open)
	other := func(key string) artifact.Entry {
		return artifact.Entry{Key: []byte(key), Location: artifact.Location{Part: 9, Offset: 9, Length: 9}}
	}
	for _, first := range []string{"a", "b"} { // the same first key as before, and another
		list := []artifact.Entry{other("b"), other("c"), other("d")}
		if first == "a" {
			list = append([]artifact.Entry{other("a")}, list...)
		}
		must(t, x.Load(context.Background(), orders, 1, Entries(list...)))
		Load(t, x, orders, 1, "a", "b", "c", "d")
		check(t)(Scan(x, orders, 1))("a@1", "b@1", "c@1", "d@1")
		check(t)(Find(x, orders, 1, "a", "b", "c", "d"))("a@1", "b@1", "c@1", "d@1")
	}
}

func disorder(t *testing.T, open Opener) {
	x := start(t, open)
	for name, keys := range map[string][]string{
		"descending": {"a", "c", "b"},
		"twice":      {"a", "b", "b"},
		"a prefix":   {"a", "ab"},
		"empty":      {"", "a"},
	} {
		if err := load(x, orders, 1, keys...); err == nil {
			t.Errorf("load keys %s: no error", name)
		}
	}
	check(t)(Scan(x, orders, allRuns))()
	Load(t, x, orders, 1, "a", "b")
	if _, err := Find(x, orders, 1, "b", "a"); err == nil {
		t.Error("find descending keys: no error")
	}
}

func unpublished(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 3, "a", "b")
	Load(t, x, orders, 4, "a", "c")
	check(t)(Scan(x, orders, 2))()
	check(t)(Find(x, orders, 2, "a", "b", "c"))()
	check(t)(History(x, orders, 2, "a"))()
	check(t)(Scan(x, orders, 3))("a@3", "b@3")
	check(t)(Find(x, orders, 3, "a", "b", "c"))("a@3", "b@3")
	check(t)(History(x, orders, 3, "a"))("a@3")
}

func anyOrder(t *testing.T, open Opener) {
	x := start(t, open)
	for _, run := range []uint64{5, 1, 300, 2, maxRun, 256} {
		Load(t, x, orders, run, "a")
	}
	check(t)(History(x, orders, 300, "a"))("a@300", "a@256", "a@5", "a@2", "a@1")
	check(t)(Find(x, orders, 255, "a"))("a@5")
	check(t)(Find(x, orders, allRuns, "a"))("a@9223372036854775807")
}

func drop(t *testing.T, open Opener) {
	x := start(t, open)
	next := artifact.Space{Pipeline: "orders", Generation: 2}
	if err := x.Drop(context.Background(), orders); err != nil {
		t.Fatalf("drop a generation that does not exist: %v", err)
	}
	Load(t, x, orders, 1, "a", "b")
	Load(t, x, next, 1, "a", "c")
	Load(t, x, artifact.Space{Pipeline: "orders"}, 1, "z")
	for range 2 {
		must(t, x.Drop(context.Background(), orders))
	}
	check(t)(Scan(x, orders, allRuns))()
	check(t)(Find(x, orders, allRuns, "a"))()
	check(t)(Scan(x, next, allRuns))("a@1", "c@1")
	check(t)(Scan(x, artifact.Space{Pipeline: "orders"}, allRuns))("z@1")
	Load(t, x, orders, 1, "b")
	check(t)(Scan(x, orders, allRuns))("b@1")
}

func dropLasts(t *testing.T, open Opener) {
	dir := t.TempDir()
	next := artifact.Space{Pipeline: "orders", Generation: 2}
	x := open(t, dir)
	Load(t, x, orders, 1, "a", "b")
	Load(t, x, next, 1, "a")
	must(t, x.Drop(context.Background(), orders))
	closeIndex(t, x)
	x = startIn(t, open, dir)
	check(t)(Scan(x, orders, allRuns))()
	check(t)(Scan(x, next, allRuns))("a@1")
}

func lasts(t *testing.T, open Opener) {
	dir := t.TempDir()
	for run := uint64(1); run <= 3; run++ {
		x := open(t, dir)
		Load(t, x, orders, run, "a")
		closeIndex(t, x)
	}
	x := startIn(t, open, dir)
	check(t)(History(x, orders, allRuns, "a"))("a@3", "a@2", "a@1")
}

func atTheSameTime(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 1, "a", "b")
	var done sync.WaitGroup
	done.Go(func() {
		for run := uint64(2); run < 12; run++ {
			if err := load(x, orders, run, "a", "c"); err != nil {
				t.Error(err)
			}
		}
	})
	done.Go(func() {
		other := artifact.Space{Pipeline: "invoices", Generation: 1}
		for run := uint64(1); run < 10; run++ {
			if err := load(x, other, run, "a"); err != nil {
				t.Error(err)
			}
		}
		if err := x.Drop(context.Background(), other); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		done.Go(func() {
			for range 20 {
				check(t)(Scan(x, orders, 1))("a@1", "b@1")
				check(t)(Find(x, orders, 1, "a", "b", "c"))("a@1", "b@1")
				check(t)(History(x, orders, 1, "a"))("a@1")
			}
		})
	}
	done.Wait()
	check(t)(Scan(x, orders, allRuns))("a@11", "b@1", "c@11")
}

func loads(t *testing.T, open Opener) {
	dir := t.TempDir()
	x := open(t, dir)
	want := func(space artifact.Space, want ...string) {
		t.Helper()
		loadsAre(t, x, space, want...)
	}
	other := artifact.Space{Pipeline: orders.Pipeline, Generation: 2}
	want(orders)
	Load(t, x, orders, 1, "a", "b", "c")
	Load(t, x, orders, 2) // a run may have no entries
	Load(t, x, orders, 3, "a")
	Load(t, x, orders, 3, "b", "c") // another partition's share
	Load(t, x, orders, 3, "b", "c")
	Load(t, x, other, 1, "a", "b")
	want(orders, "3:1", "3:2", "2:0", "1:3")
	want(other, "1:2")
	check(t)(Scan(x, orders, allRuns))("a@3", "b@3", "c@3")
	closeIndex(t, x)
	x = startIn(t, open, dir)
	want(orders, "3:1", "3:2", "2:0", "1:3")
	must(t, x.Drop(context.Background(), orders))
	want(orders)
	want(other, "1:2")
	stop := errors.New("stop")
	if err := x.Loads(context.Background(), other, func(uint64, int64) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a callback's error: %v", err)
	}
}

// loadsAre compares the result of Loads, as "run:entries".
func loadsAre(t *testing.T, x artifact.Index, space artifact.Space, want ...string) {
	t.Helper()
	got, err := Loads(x, space)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("loads of %s g%d: %q, %v, want %q", space.Pipeline, space.Generation, got, err, want)
	}
}

// Loads returns the result of Loads, as "run:entries".
func Loads(x artifact.Index, space artifact.Space) (got []string, err error) {
	err = x.Loads(context.Background(), space, func(run uint64, entries int64) error {
		got = append(got, fmt.Sprintf("%d:%d", run, entries))
		return nil
	})
	return got, err
}

// manyLoads: there may be more loads than a backend reads at a time.
func manyLoads(t *testing.T, open Opener) {
	x := start(t, open)
	var want []string
	for run := uint64(0); run < 50; run++ {
		must(t, x.Load(context.Background(), orders, run, Entries(At("a", run))))
		must(t, x.Load(context.Background(), orders, run, Entries(At("b", run), At("c", run))))
		want = append([]string{fmt.Sprintf("%d:1", run), fmt.Sprintf("%d:2", run)}, want...)
	}
	must(t, x.Load(context.Background(), orders, maxRun, Entries()))
	loadsAre(t, x, orders, append([]string{fmt.Sprintf("%d:0", maxRun)}, want...)...)
}
