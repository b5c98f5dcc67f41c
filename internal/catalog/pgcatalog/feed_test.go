// Tests of the change feed while its connection is lost or silent.

package pgcatalog

import (
	"context"
	"runtime"
	"testing"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/catalog/catalogtest"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

// follower returns a catalog behind a proxy and another one of the same documents.
func follower(t *testing.T) (c *Catalog, proxy *postgrestest.Proxy, other *Catalog) {
	t.Helper()
	location := postgrestest.URL(t)
	proxy, through := postgrestest.NewProxy(t, location)
	c, err := open(context.Background(), postgres.Config{URL: through}, 20*time.Millisecond, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, proxy, mustOpen(t, postgres.Config{URL: location})
}

// waitKnown waits until changes of others arrive, or no longer arrive.
func waitKnown(c *Catalog, known bool) {
	for first := c.Changes(); (first == c.Changes()) != known; first = c.Changes() {
		runtime.Gosched()
	}
}

func TestFeedIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	c, proxy, other := follower(t)
	waitKnown(c, true)
	signal := c.Watch(context.Background(), "a/")
	cached := c.Changes()
	for i := range 3 {
		proxy.Refuse(true)
		waitKnown(c, false)
		if c.Changes() == cached {
			t.Error("a number that a cache may have is returned while the feed is lost")
		}
		catalogtest.Put(t, other, "a/1", i)
		proxy.Refuse(false)
		<-signal // everything counts as changed
		waitKnown(c, true)
		if n := c.Changes(); n == cached {
			t.Error("a number from before the feed was lost is returned again")
		}
		for seen := -1; seen != i; {
			view := func(tx catalog.Tx) error { _, err := tx.Get("a/1", &seen); return err }
			if err := c.View(context.Background(), view); err != nil {
				t.Fatal(err)
			}
		}
		cached = c.Changes()
	}
}

// A network that stops delivering without an error is noticed by the heartbeat.
func TestFeedIsSilent(t *testing.T) {
	t.Parallel()
	c, proxy, other := follower(t)
	waitKnown(c, true)
	<-proxy.Fail(1, postgrestest.Stall) // of the listening connection, the only one in use
	waitKnown(c, false)
	signal := c.Watch(context.Background(), "")
	catalogtest.Put(t, other, "a", 1)
	<-signal
	waitKnown(c, true)
}

// Own changes are signalled also while the feed is lost.
func TestOwnChangesWithoutFeed(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, postgres.Config{URL: postgrestest.URL(t)})
	c.stop()
	c.listening.Wait()
	signal := c.Watch(context.Background(), "a/")
	catalogtest.Put(t, c, "a/1", 1)
	<-signal
}

func TestPayload(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, postgres.Config{URL: postgrestest.URL(t)})
	var few, long, many catalog.Written
	few.Add("a/\"\n")
	for i := range 200 {
		many.Add("many/" + string(rune('a'+i)))
	}
	for i := range 60 {
		long.Add(string(make([]rune, 500)) + string(rune('a'+i)))
	}
	if got := payload(&few); got != `["a/\"\n"]` {
		t.Errorf("payload %q", got)
	}
	if got := payload(&many); got != `["many/"]` {
		t.Errorf("payload of many keys %q", got)
	}
	if got := payload(&long); got != "" {
		t.Errorf("payload of long keys %q", got)
	}
	ctx := context.Background()
	hit, miss := c.Watch(ctx, "many/z"), c.Watch(ctx, "other/")
	c.report(`["many/"]`)
	<-hit
	c.report("not a list")
	<-miss
}
