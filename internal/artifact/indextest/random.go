// Random operations on an index, compared with a naive model.

package indextest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"bursar/internal/artifact"
)

// randomOperations does what a seed says. The seed of a failed test is printed; put it here to repeat the test.
func randomOperations(t *testing.T, open Opener) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	o := &operations{t: t, Rand: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), open: open, model: model{}}
	o.index = open(t, o.dir)
	for range 120 {
		o.next()
		if t.Failed() {
			break
		}
	}
	closeIndex(t, o.index)
}

// model is what an index must contain.
type model map[artifact.Space]*generation

type generation struct {
	entries map[string][]uint64 // runs of each key
	loads   []loaded
}

type loaded struct {
	run  uint64
	keys []string
}

type operations struct {
	*rand.Rand
	t     *testing.T
	dir   string
	open  Opener
	index artifact.Index
	model model
	run   uint64 // of the last load
}

func (o *operations) next() {
	o.t.Helper()
	space := artifact.Space{Pipeline: []string{"orders", "invoices"}[o.IntN(2)], Generation: uint64(1 + o.IntN(2))}
	g := o.model[space]
	if g == nil {
		g = &generation{entries: map[string][]uint64{}}
	}
	switch n := o.IntN(20); {
	case n < 5:
		o.load(space, g)
	case n < 7 && len(g.loads) > 0:
		again := g.loads[o.IntN(len(g.loads))]
		Load(o.t, o.index, space, again.run, again.keys...)
	case n < 8:
		o.failLoad(space)
	case n < 9:
		must(o.t, o.index.Drop(context.Background(), space))
		delete(o.model, space)
	case n < 10:
		closeIndex(o.t, o.index)
		o.index = o.open(o.t, o.dir)
	default:
		o.compare(space, g)
	}
}

// keys are some of 20,000 keys, sorted; usually few.
func (o *operations) keys() (keys []string) {
	least := []int{1, 1, 500, 3000}[o.IntN(4)]
	for k := o.IntN(2 * least); k < 20_000; k += 1 + o.IntN(2*least) {
		keys = append(keys, fmt.Sprintf("%05d", k))
	}
	return keys
}

// load loads one or two shares of the next run, or of the one before it.
func (o *operations) load(space artifact.Space, g *generation) {
	o.run++
	shares := [2][]string{}
	for _, key := range o.keys() {
		n := o.IntN(len(shares))
		shares[n] = append(shares[n], key)
	}
	for _, keys := range shares {
		if len(keys) == 0 {
			continue
		}
		must(o.t, load(o.index, space, o.run, keys...))
		for _, key := range keys {
			g.entries[key] = append(g.entries[key], o.run)
		}
		g.loads = append(g.loads, loaded{o.run, keys})
		o.model[space] = g
	}
}

// failLoad loads entries until next fails or the context ends: nothing may stay.
func (o *operations) failLoad(space artifact.Space) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fault := errors.New("fault")
	left, cancels := o.IntN(30_000), o.IntN(2) == 0
	next := Numbered("0", left+10_000, o.run+1) // a backend may look at its context every some thousand entries
	err := o.index.Load(ctx, space, o.run+1, func() (artifact.Entry, bool, error) {
		if left--; left < 0 && cancels {
			cancel()
		} else if left < 0 {
			return artifact.Entry{}, false, fault
		}
		return next()
	})
	if !errors.Is(err, fault) && !errors.Is(err, context.Canceled) {
		o.t.Errorf("a load that fails: %v", err)
	}
}

// compare compares what all reads return.
func (o *operations) compare(space artifact.Space, g *generation) {
	o.t.Helper()
	asOf := []uint64{0, o.run, allRuns, uint64(o.IntN(int(o.run + 1)))}[o.IntN(4)]
	var all []string
	for key := range g.entries {
		if newest(g.entries[key], asOf) >= 0 {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	check(o.t)(Scan(o.index, space, asOf))(g.at(asOf, all)...)
	wanted := o.keys()
	check(o.t)(Find(o.index, space, asOf, wanted...))(g.at(asOf, wanted)...)
	key := fmt.Sprintf("%05d", o.IntN(20_000))
	var history []string
	for _, run := range slices.Backward(g.entries[key]) {
		if run <= asOf {
			history = append(history, fmt.Sprintf("%s@%d", key, run))
		}
	}
	check(o.t)(History(o.index, space, asOf, key))(history...)
	slices.SortFunc(g.loads, func(a, b loaded) int { return cmp.Or(-cmp.Compare(a.run, b.run), cmp.Compare(a.keys[0], b.keys[0])) })
	var loads []string
	for _, l := range g.loads {
		loads = append(loads, fmt.Sprintf("%d:%d", l.run, len(l.keys)))
	}
	loadsAre(o.t, o.index, space, loads...)
}

// at returns the newest entry at or below asOf of each key that has one.
func (g *generation) at(asOf uint64, keys []string) (want []string) {
	for _, key := range keys {
		if i := newest(g.entries[key], asOf); i >= 0 {
			want = append(want, fmt.Sprintf("%s@%d", key, g.entries[key][i]))
		}
	}
	return want
}

// newest returns the place of the last run at or below asOf, -1 if there is none.
func newest(runs []uint64, asOf uint64) int {
	i, found := slices.BinarySearch(runs, asOf)
	if found {
		return i
	}
	return i - 1
}
