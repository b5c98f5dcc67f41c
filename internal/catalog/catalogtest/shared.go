// Tests of a catalog that several processes use at the same time.

package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"bursar/internal/catalog"
)

// RunShared runs the tests of backends that several processes may use. Each call of open for the same dir returns another handle,
// as another process has.
func RunShared(t *testing.T, open Opener) {
	for name, test := range map[string]func(t *testing.T, a, b catalog.Catalog){
		"updates are serial":             sharedIncrements,
		"a condition on what was listed": sharedCondition,
		"no write skew":                  noWriteSkew,
		"a view is between two updates":  viewIsSerial,
		"changes of others are reported": sharedWatch,
		"a cache of others' documents":   sharedCache,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			again := func(t *testing.T, _ string) catalog.Catalog { return open(t, dir) }
			test(t, start(t, again), start(t, again))
		})
	}
}

func together(t *testing.T, functions ...func() error) {
	t.Helper()
	var running sync.WaitGroup
	for _, fn := range functions {
		running.Go(func() {
			if err := fn(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
}

func sharedIncrements(t *testing.T, a, b catalog.Catalog) {
	const each, senders = 3, 30
	repeat := func(c catalog.Catalog) func() error {
		return func() error {
			for range each {
				if err := c.Update(context.Background(), increment); err != nil {
					return err
				}
			}
			return nil
		}
	}
	var all []func() error
	for range senders / 2 {
		all = append(all, repeat(a), repeat(b))
	}
	together(t, all...)
	var n int
	view(t, a, func(tx catalog.Tx) error { _, err := tx.Get("n", &n); return err })
	if n != senders*each {
		t.Errorf("counted %d, want %d", n, senders*each)
	}
}

// sharedCondition lets two processes add a document if there is none yet.
func sharedCondition(t *testing.T, a, b catalog.Catalog) {
	for round := range 20 {
		prefix := fmt.Sprintf("round/%02d/", round)
		add := func(c catalog.Catalog, name string) func() error {
			return func() error {
				return c.Update(context.Background(), func(tx catalog.Tx) error {
					count := 0
					err := tx.List(prefix, func(string, json.RawMessage) error { count++; return nil })
					if err != nil || count > 0 {
						return err
					}
					return tx.Put(prefix+name, 1)
				})
			}
		}
		together(t, add(a, "a"), add(b, "b"))
		if keys := Keys(t, a, prefix); len(keys) != 1 {
			t.Errorf("%q: both added a document", keys)
		}
	}
}

// noWriteSkew lets two processes each take from another account, as long as the sum of both stays positive.
func noWriteSkew(t *testing.T, a, b catalog.Catalog) {
	for range 20 {
		Put(t, a, "x", 1, "y", 1)
		take := func(c catalog.Catalog, key string) func() error {
			return func() error {
				return c.Update(context.Background(), func(tx catalog.Tx) error {
					var x, y int
					if _, err := tx.Get("x", &x); err != nil {
						return err
					}
					if _, err := tx.Get("y", &y); err != nil || x+y < 2 {
						return err
					}
					return tx.Put(key, 0)
				})
			}
		}
		together(t, take(a, "x"), take(b, "y"))
		if x, y := both(t, a); x+y != 1 {
			t.Errorf("x is %d and y %d: both took", x, y)
		}
	}
}

func both(t *testing.T, c catalog.Catalog) (x, y int) {
	t.Helper()
	view(t, c, func(tx catalog.Tx) error {
		_, err := tx.Get("x", &x)
		_, err2 := tx.Get("y", &y)
		return errors.Join(err, err2)
	})
	return x, y
}

// viewIsSerial is the anomaly that a snapshot alone allows (Fekete, O'Neil, O'Neil: A read-only transaction anomaly, 2004): a
// withdrawal that has read neither account's deposit adds a fee, and a view in between sees the deposit but no withdrawal.
func viewIsSerial(t *testing.T, a, b catalog.Catalog) {
	Put(t, a, "x", 0, "y", 0)
	seen, first := "", true
	err := a.Update(context.Background(), func(tx catalog.Tx) error {
		var x, y int
		_, err := tx.Get("x", &x)
		_, err2 := tx.Get("y", &y)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if first {
			first = false
			Put(t, b, "y", 20)
			viewX, viewY := both(t, b)
			seen = fmt.Sprint(viewX, viewY)
		}
		fee := 0
		if x+y-10 < 0 {
			fee = 1
		}
		return tx.Put("x", x-10-fee)
	})
	must(t, err)
	if x, y := both(t, a); seen == "0 20" && (x != -10 || y != 20) {
		t.Errorf("a view saw the deposit before the withdrawal, which has a fee: x is %d, y %d", x, y)
	}
}

func sharedWatch(t *testing.T, a, b catalog.Catalog) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watcher, ok := b.(catalog.Watcher)
	if !ok {
		t.Fatal("the catalog reports no changes")
	}
	signal := watcher.Watch(ctx, "batch/")
	for i := range 20 {
		Put(t, a, fmt.Sprintf("batch/%d", i), i)
		for len(Keys(t, b, "batch/")) <= i {
			<-signal
		}
	}
	// Each of many updates is reported; the last signal comes after the last update.
	together(t, func() error {
		for i := range 50 {
			if err := a.Update(context.Background(), func(tx catalog.Tx) error { return tx.Put("batch/last", i) }); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		for last := -1; last < 49; {
			<-signal
			err := b.View(context.Background(), func(tx catalog.Tx) error { _, err := tx.Get("batch/last", &last); return err })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sharedCache reads through a cache that is valid as long as the number of changes is the same: it follows the other process.
func sharedCache(t *testing.T, a, b catalog.Catalog) {
	counted, ok := b.(catalog.Counted)
	if !ok {
		t.Fatal("the catalog does not count changes")
	}
	cached, valid, reads := -1, uint64(0), 0
	read := func() int {
		changes := counted.Changes()
		if changes == valid {
			return cached
		}
		reads++
		view(t, b, func(tx catalog.Tx) error { _, err := tx.Get("n", &cached); return err })
		valid = changes
		return cached
	}
	steadyChanges(counted)
	for i := range 50 {
		Put(t, a, "n", i)
		for read() != i {
			runtime.Gosched() // until the message arrives
		}
	}
	for range 1000 {
		read()
	}
	if reads > 500 {
		t.Errorf("%d reads of 50 changes: the cache is never valid", reads)
	}
}
