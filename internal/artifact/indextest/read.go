// Tests of Find, Scan and History, also with many keys and many runs.

package indextest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"bursar/internal/artifact"
)

func empty(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 1)
	check(t)(Scan(x, orders, allRuns))()
	check(t)(Find(x, orders, allRuns))()
	check(t)(Find(x, orders, allRuns, "a", "b"))()
	check(t)(History(x, orders, allRuns, "a"))()
	Load(t, x, orders, 1, "b")
	Load(t, x, orders, 2)
	check(t)(Scan(x, orders, 0))()
	check(t)(Find(x, orders, allRuns, "a", "b", "c"))("b@1")
}

func asOf(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 1, "a", "b", "d")
	Load(t, x, orders, 2, "b", "c")
	Load(t, x, orders, 4, "a", "b", "e")
	for _, c := range []struct {
		asOf uint64
		want []string
	}{
		{0, nil},
		{1, []string{"a@1", "b@1", "d@1"}},
		{2, []string{"a@1", "b@2", "c@2", "d@1"}},
		{3, []string{"a@1", "b@2", "c@2", "d@1"}},
		{4, []string{"a@4", "b@4", "c@2", "d@1", "e@4"}},
		{allRuns, []string{"a@4", "b@4", "c@2", "d@1", "e@4"}},
	} {
		check(t)(Scan(x, orders, c.asOf))(c.want...)
		check(t)(Find(x, orders, c.asOf, "0", "a", "aa", "b", "c", "d", "e", "f", "g"))(c.want...)
	}
	check(t)(History(x, orders, 3, "b"))("b@2", "b@1")
	check(t)(History(x, orders, allRuns, "b"))("b@4", "b@2", "b@1")
	check(t)(History(x, orders, allRuns, "bb"))()
	check(t)(History(x, orders, allRuns, ""))()
}

func keyBytes(t *testing.T, open Opener) {
	x := start(t, open)
	keys := []string{"\x00\x00", "\x00\x01\x00", "\x00\xff", "\x01", "a\x00", "a\x01", "a\xfe", "a\xff\x00", "a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "b", "\xff\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"}
	Load(t, x, orders, 1, keys...)
	Load(t, x, orders, 256, keys...)
	var first, second []string
	for _, key := range keys {
		first, second = append(first, key+"@1"), append(second, key+"@256")
		check(t)(History(x, orders, allRuns, key))(key+"@256", key+"@1")
	}
	check(t)(Scan(x, orders, 255))(first...)
	check(t)(Find(x, orders, 255, keys...))(first...)
	check(t)(Scan(x, orders, 256))(second...)
	check(t)(Find(x, orders, 256, keys...))(second...)
}

func locations(t *testing.T, open Opener) {
	x := start(t, open)
	want := []artifact.Location{{}, {Part: 1, Offset: 2, Length: 3}, {Part: math.MaxInt32, Offset: math.MaxInt64, Length: math.MaxInt32}}
	var list []artifact.Entry
	for i, l := range want {
		list = append(list, artifact.Entry{Key: fmt.Appendf(nil, "k%d", i), Location: l})
	}
	must(t, x.Load(context.Background(), orders, 1, Entries(list...)))
	i := 0
	err := x.Scan(context.Background(), orders, 1, func(e artifact.Entry) error {
		if e.Location != want[i] || e.Run != 1 {
			t.Errorf("%+v, want %+v", e, want[i])
		}
		i++
		return nil
	})
	if err != nil || i != len(want) {
		t.Errorf("%d entries, %v", i, err)
	}
}

// largeNumbers: a number that a backend cannot store is an error, never another number.
func largeNumbers(t *testing.T, open Opener) {
	x := start(t, open)
	for name, c := range map[string]struct {
		run      uint64
		location artifact.Location
	}{
		"run":    {run: math.MaxInt64 + 1},
		"part":   {1, artifact.Location{Part: math.MaxInt32 + 1}},
		"offset": {2, artifact.Location{Offset: math.MaxInt64 + 1}},
		"length": {3, artifact.Location{Length: math.MaxUint32}},
	} {
		space := artifact.Space{Pipeline: name}
		err := x.Load(context.Background(), space, c.run, Entries(artifact.Entry{Key: []byte("k"), Location: c.location}))
		refused, entries := err != nil, 0
		err = x.Scan(context.Background(), space, allRuns, func(e artifact.Entry) error {
			if entries++; e.Run != c.run || e.Location != c.location {
				t.Errorf("a large %s: %+v", name, e)
			}
			return nil
		})
		if err != nil || refused != (entries == 0) {
			t.Errorf("a large %s: refused: %v, but %d entries, %v", name, refused, entries, err)
		}
	}
}

// longKeys have up to 4 KiB, and differ in their last bytes only, or not before the thousandth.
func longKeys(t *testing.T, open Opener) {
	x := start(t, open)
	long := strings.Repeat("k", 4096)
	keys := []string{long[:900] + "a", long[:1023] + "a", long[:1023] + "l"}
	for i := range 300 {
		keys = append(keys, fmt.Sprintf("%s%03d", long, i), fmt.Sprintf("%sl%03d", long[:1024], i), fmt.Sprintf("%sz%03d", long[:2000], i*i%301))
	}
	keys = append(keys, "a", "z")
	slices.Sort(keys)
	keys = slices.Compact(keys)
	Load(t, x, orders, 1, keys...)
	Load(t, x, orders, 2, keys[7:9]...)
	var want []string
	for i, key := range keys {
		want = append(want, fmt.Sprintf("%s@%d", key, 1+min(1, i/7)-min(1, i/9)))
	}
	check(t)(Scan(x, orders, 2))(want...)
	check(t)(Find(x, orders, 2, keys...))(want...)
	check(t)(Find(x, orders, 2, long+"000", long+"0005", long+"001"))(want[slices.Index(keys, long+"000")], want[slices.Index(keys, long+"001")])
	check(t)(History(x, orders, 2, keys[8]))(keys[8]+"@2", keys[8]+"@1")
	check(t)(History(x, orders, 2, long))()
}

// longHistory: a key may have more entries than a backend reads at a time.
func longHistory(t *testing.T, open Opener) {
	x := start(t, open)
	var want []string
	for run := uint64(0); run < 100; run++ {
		must(t, x.Load(context.Background(), orders, run, Entries(At("a", run), At("b", run))))
		want = append([]string{fmt.Sprintf("a@%d", run)}, want...)
	}
	check(t)(History(x, orders, allRuns, "a"))(want...)
	check(t)(History(x, orders, 49, "a"))(want[50:]...)
	check(t)(Scan(x, orders, 49))("a@49", "b@49")
}

func spacesApart(t *testing.T, open Opener) {
	x := start(t, open)
	spaces := []artifact.Space{
		{Pipeline: "order", Generation: 1},
		{Pipeline: "orders", Generation: 1},
		{Pipeline: "orders", Generation: 2},
		{Pipeline: "orders", Generation: 255},
		{Pipeline: "orders", Generation: 256},
		{Pipeline: "orders", Generation: math.MaxInt64},
		{Pipeline: "orders", Generation: 0},
		{Pipeline: "orders_2", Generation: 1},
	}
	for i, space := range spaces {
		Load(t, x, space, uint64(i+1), "\x00", "k", "\xff\xff\xff\xff\xff\xff\xff\xff")
	}
	for i, space := range spaces {
		at := fmt.Sprintf("@%d", i+1)
		check(t)(Scan(x, space, allRuns))("\x00"+at, "k"+at, "\xff\xff\xff\xff\xff\xff\xff\xff"+at)
		check(t)(Find(x, space, allRuns, "k", "l"))("k" + at)
		check(t)(History(x, space, allRuns, "k"))("k" + at)
	}
}

func callbackErrors(t *testing.T, open Opener) {
	x, ctx, stop := start(t, open), context.Background(), errors.New("stop")
	Load(t, x, orders, 1, "a", "b")
	Load(t, x, orders, 2, "a", "b")
	calls := 0
	each := func(artifact.Entry) error { calls++; return stop }
	for name, err := range map[string]error{
		"scan":    x.Scan(ctx, orders, 2, each),
		"history": x.History(ctx, orders, 2, []byte("a"), each),
		"find":    x.Find(ctx, orders, 2, [][]byte{[]byte("a"), []byte("b")}, func(_ int, e artifact.Entry) error { return each(e) }),
	} {
		if !errors.Is(err, stop) {
			t.Errorf("%s: %v, want the callback's error", name, err)
		}
	}
	if calls != 3 {
		t.Errorf("%d calls, want one each", calls)
	}
}

func cancelled(t *testing.T, open Opener) {
	x := start(t, open)
	Load(t, x, orders, 1, "a")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	each := func(artifact.Entry) error { return nil }
	for name, err := range map[string]error{
		"load":    x.Load(ctx, orders, 2, Entries(At("b", 2))),
		"scan":    x.Scan(ctx, orders, 2, each),
		"history": x.History(ctx, orders, 2, []byte("a"), each),
		"find":    x.Find(ctx, orders, 2, [][]byte{[]byte("a")}, func(int, artifact.Entry) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after cancel: %v", name, err)
		}
	}
	check(t)(Scan(x, orders, allRuns))("a@1")
}

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
