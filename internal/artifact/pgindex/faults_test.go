// Tests of network faults: every call is cut at every message in turn.

package pgindex_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"bursar/internal/artifact"
	"bursar/internal/artifact/indextest"
	"bursar/internal/artifact/pgindex"
	"bursar/internal/failure"
	"bursar/internal/postgres/postgrestest"
)

// faulty is an index behind a proxy, and one that reaches the same server directly.
type faulty struct {
	*testing.T
	proxy     *postgrestest.Proxy
	x, direct *pgindex.Index
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	location := postgrestest.URL(t)
	proxy, behind := postgrestest.NewProxy(t, location)
	return &faulty{t, proxy, start(t, behind), start(t, location)}
}

// everywhere makes a call with a fault at the first, second … message, and checks its result without one, until the call needs no
// more messages.
func (f *faulty) everywhere(call func() error, check func(err error)) {
	f.Helper()
	for _, fault := range []postgrestest.Fault{postgrestest.CutBefore, postgrestest.CutAfter} {
		for n := 1; ; n++ {
			f.proxy.Fail(n, fault)
			err := call()
			fired := f.proxy.Fired()
			f.proxy.Fail(0, fault)
			f.wantTransient(err)
			check(err)
			if f.Failed() {
				f.Fatalf("fault %d at message %d", fault, n)
			}
			if !fired {
				f.Logf("fault %d: %d messages", fault, n-1)
				break
			}
		}
	}
}

// wantTransient reports errors that are not worth a retry.
func (f *faulty) wantTransient(err error) {
	f.Helper()
	if err != nil && failure.Of(err) != failure.Transient {
		f.Errorf("%v: class %v, want transient", err, failure.Of(err))
	}
}

// TestFailedLoads: a load is recorded only if it is complete, and a second one completes it. One of a single chunk is repeated by itself,
// and leaves nothing.
func TestFailedLoads(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 3, severalChunks} {
		t.Run(fmt.Sprintf("%d entries", n), func(t *testing.T) {
			t.Parallel()
			f, space := newFaulty(t), artifact.Space{Pipeline: "orders"}
			load := func() error { return f.x.Load(context.Background(), space, 7, indextest.Numbered("k", n, 7)) }
			f.everywhere(load, func(err error) {
				f.wantLoad(space, n, err != nil)
				for range 2 {
					if err := load(); err != nil {
						f.Error(err)
					}
					f.wantLoad(space, n, false)
				}
				space.Generation++
			})
		})
	}
}

// severalChunks is a number of entries that are written in two transactions.
const severalChunks = 11

// wantLoad checks that the load is there, or may not be.
func (f *faulty) wantLoad(space artifact.Space, n int, mayMiss bool) {
	f.Helper()
	loads, err := indextest.Loads(f.direct, space)
	entries, errScan := indextest.Scan(f.direct, space, allRuns)
	all := len(loads) == 1 && loads[0] == fmt.Sprintf("7:%d", n) && len(entries) == n
	none := len(loads) == 0 && (len(entries) == 0 || n == severalChunks) && mayMiss
	if err != nil || errScan != nil || !all && !none {
		f.Errorf("loads %q with %d entries, %v, %v", loads, len(entries), err, errScan)
	}
}

// TestFailedReads: a read returns everything, or an error that may pass.
func TestFailedReads(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for run := uint64(1); run <= 5; run++ {
		indextest.Load(t, f.direct, orders, run, keys...)
	}
	for name, c := range map[string]struct {
		read func() ([]string, error)
		want int
	}{
		"find":    {func() ([]string, error) { return indextest.Find(f.x, orders, 3, keys...) }, 8},
		"scan":    {func() ([]string, error) { return indextest.Scan(f.x, orders, 3) }, 8},
		"history": {func() ([]string, error) { return indextest.History(f.x, orders, 5, "c") }, 5},
		"loads":   {func() ([]string, error) { return indextest.Loads(f.x, orders) }, 5},
	} {
		var got []string
		call := func() (err error) { got, err = c.read(); return err }
		f.everywhere(call, func(err error) {
			if err == nil && len(got) != c.want {
				f.Errorf("%s: %q, want %d", name, got, c.want)
			}
		})
	}
}

// TestFailedDrops: a generation is dropped or as it was.
func TestFailedDrops(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	indextest.Load(t, f.direct, orders, 7, "a", "b")
	drop := func() error { return f.x.Drop(context.Background(), orders) }
	f.everywhere(drop, func(err error) {
		f.wantLoad(orders, 2, true)
		if loads, _ := indextest.Loads(f.direct, orders); err == nil && len(loads) > 0 {
			f.Errorf("after the drop: %q", loads)
		}
		indextest.Load(t, f.direct, orders, 7, "a", "b")
	})
}

// TestStalledLoad: a context ends a load whose server does not answer, at any message.
func TestStalledLoad(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	load := func(ctx context.Context, run uint64) error {
		return f.x.Load(ctx, orders, run, indextest.Numbered("k", 11, run))
	}
	if err := load(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 30; n += 3 {
		ctx, cancel := context.WithCancel(t.Context())
		fired := f.proxy.Fail(n, postgrestest.Stall)
		go func() {
			<-fired
			cancel()
		}()
		err := load(ctx, 2)
		if !f.proxy.Fired() {
			t.Fatalf("a load has fewer than %d messages: %v", n, err)
		}
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("stalled at message %d: %v", n, err)
		}
		f.proxy.CutAll()
	}
	f.proxy.Fail(0, postgrestest.Stall)
	if err := load(t.Context(), 2); err != nil {
		t.Error(err)
	}
	got, err := indextest.Loads(f.direct, orders)
	same(t, got, err, []string{"2:11", "1:11"})
}
