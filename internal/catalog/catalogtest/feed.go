// Tests of the change feed and of counting changes, for catalogs that have them.

package catalogtest

import (
	"context"
	"testing"

	"bursar/internal/catalog"
)

// watches waits for the signals of several watchers. A test that gets none ends with the time limit of all tests.
func watches(t *testing.T, open Opener) {
	c := start(t, open)
	watcher, ok := c.(catalog.Watcher)
	if !ok {
		t.Skip("the catalog reports no changes")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all, exact, below := watcher.Watch(ctx, ""), watcher.Watch(ctx, "a/1"), watcher.Watch(ctx, "a/")
	ended, end := context.WithCancel(context.Background())
	_ = watcher.Watch(ended, "a/")
	end()
	for range 3 {
		Put(t, c, "a/1", 1, "a/2", 2)
		Put(t, c, "a/1", 2) // nobody receives in between
		<-all
		<-exact
		<-below
	}
	must(t, c.Update(context.Background(), func(tx catalog.Tx) error { return tx.Delete("a/1") }))
	<-exact
	// Many writes are reported, too.
	pairs := []any{}
	for i := range 300 {
		pairs = append(pairs, "many/"+string(rune('0'+i)), i)
	}
	last := watcher.Watch(ctx, "many/"+string(rune('0'+299)))
	Put(t, c, pairs...)
	<-last
}

// steadyChanges returns the number of changes once it stays the same, which it does when the change feed works.
func steadyChanges(counted catalog.Counted) uint64 {
	for {
		if n := counted.Changes(); counted.Changes() == n {
			return n
		}
	}
}

func countsChanges(t *testing.T, open Opener) {
	c := start(t, open)
	counted, ok := c.(catalog.Counted)
	if !ok {
		t.Skip("the catalog does not count changes")
	}
	for i := range 20 {
		before := steadyChanges(counted)
		Put(t, c, "a", i)
		if counted.Changes() == before {
			t.Error("an update returned and did not count")
		}
		before = counted.Changes()
		must(t, c.Update(context.Background(), func(tx catalog.Tx) error { return tx.Delete("a") }))
		if counted.Changes() == before {
			t.Error("a deletion did not count")
		}
	}
}
