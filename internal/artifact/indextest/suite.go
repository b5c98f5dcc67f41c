// Package indextest is the conformance suite of artifact.Index: what every backend must do, and what callers may rely on. It
// contains no backend and must not know how one works.
package indextest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"bursar/internal/artifact"
)

// Opener opens the index in dir, which is empty at first. The suite closes the index and opens dir again to check what is durable;
// it closes all indexes that it opens.
type Opener func(t *testing.T, dir string) artifact.Index

// Run runs the suite; every test gets a new folder.
func Run(t *testing.T, open Opener) {
	tests := map[string]func(t *testing.T, open Opener){
		"empty":                            empty,
		"as of":                            asOf,
		"key bytes":                        keyBytes,
		"long keys":                        longKeys,
		"locations":                        locations,
		"numbers are exact or refused":     largeNumbers,
		"reload":                           reload,
		"loads":                            loads,
		"many loads":                       manyLoads,
		"a load replaces other locations":  replaced,
		"a cancelled load loads nothing":   cancelledLoad,
		"a failed load loads nothing":      failedLoad,
		"disorder is refused":              disorder,
		"unpublished runs are invisible":   unpublished,
		"runs loaded in any order":         anyOrder,
		"spaces are apart":                 spacesApart,
		"drop":                             drop,
		"drop lasts":                       dropLasts,
		"lasts":                            lasts,
		"callback errors":                  callbackErrors,
		"cancelled":                        cancelled,
		"find many":                        findMany,
		"at random, against a plain map":   atRandom,
		"operations at random":             randomOperations,
		"long history":                     longHistory,
		"loads and reads at the same time": atTheSameTime,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

var orders = artifact.Space{Pipeline: "orders", Generation: 1}

// maxRun is the largest run, allRuns is above it.
const (
	maxRun  = uint64(1)<<63 - 1
	allRuns = ^uint64(0)
)

func start(t *testing.T, open Opener) artifact.Index {
	t.Helper()
	return startIn(t, open, t.TempDir())
}

// startIn opens an index and closes it at the end of the test.
func startIn(t *testing.T, open Opener, dir string) artifact.Index {
	t.Helper()
	x := open(t, dir)
	t.Cleanup(func() { closeIndex(t, x) })
	return x
}

func closeIndex(t *testing.T, x artifact.Index) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

// Entries returns entries one by one, as Load expects them; each key is overwritten by the next.
func Entries(list ...artifact.Entry) func() (artifact.Entry, bool, error) {
	var key []byte
	return func() (e artifact.Entry, ok bool, err error) {
		for i := range key {
			key[i] = 0xEE
		}
		if len(list) == 0 {
			return e, false, nil
		}
		e, list = list[0], list[1:]
		key = append(key[:0], e.Key...)
		e.Key = key
		return e, true, nil
	}
}

// At is a key's entry at a run; its location depends on both, so that a mix-up is detected.
func At(key string, run uint64) artifact.Entry {
	location := artifact.Location{Part: uint32(run) & math.MaxInt32, Offset: uint64(len(key)) << 33, Length: uint32(run*7) & math.MaxInt32}
	return artifact.Entry{Key: []byte(key), Run: run, Location: location}
}

// Load loads one run, keys in order, twice.
func Load(t *testing.T, x artifact.Index, space artifact.Space, run uint64, keys ...string) {
	t.Helper()
	must(t, load(x, space, run, keys...))
}

// load calls Load twice: it is idempotent.
func load(x artifact.Index, space artifact.Space, run uint64, keys ...string) error {
	var list []artifact.Entry
	for _, key := range keys {
		list = append(list, At(key, run))
	}
	err := x.Load(context.Background(), space, run, Entries(list...))
	again := x.Load(context.Background(), space, run, Entries(list...))
	if (err == nil) != (again == nil) {
		return fmt.Errorf("loaded twice: %w, then %w", err, again)
	}
	return err
}

// Scan returns the entries of Scan, as "key@run".
func Scan(x artifact.Index, space artifact.Space, asOf uint64) (got []string, err error) {
	err = x.Scan(context.Background(), space, asOf, collect(&got))
	return got, err
}

// Find returns the entries of Find, as "key@run".
func Find(x artifact.Index, space artifact.Space, asOf uint64, keys ...string) (got []string, err error) {
	add, last := collect(&got), -1
	err = x.Find(context.Background(), space, asOf, bytesOf(keys), func(i int, e artifact.Entry) error {
		if i <= last || string(e.Key) != keys[i] {
			return fmt.Errorf("found %q as %d after %d, want ascending and %q", e.Key, i, last, keys[i])
		}
		last = i
		return add(e)
	})
	return got, err
}

// History returns the entries of History, as "key@run".
func History(x artifact.Index, space artifact.Space, asOf uint64, key string) (got []string, err error) {
	err = x.History(context.Background(), space, asOf, []byte(key), collect(&got))
	return got, err
}

func collect(got *[]string) func(e artifact.Entry) error {
	return func(e artifact.Entry) error {
		if want := At(string(e.Key), e.Run); e.Location != want.Location {
			return fmt.Errorf("%q at run %d has location %+v, want %+v", e.Key, e.Run, e.Location, want.Location)
		}
		*got = append(*got, fmt.Sprintf("%s@%d", e.Key, e.Run))
		return nil
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// check compares the result of a call: check(t)(Scan(…))("a@1", …).
func check(t *testing.T) func(got []string, err error) func(want ...string) {
	t.Helper()
	return func(got []string, err error) func(want ...string) {
		t.Helper()
		return func(want ...string) {
			t.Helper()
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
	}
}
