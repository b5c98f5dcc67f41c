//go:build linux && !race

// A night of aggregation on servers that three workers share, of which one is killed every few seconds.

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// TestSoakNightShared: the workers together keep the limits of the institutions. ACCOUNTS=n changes the size of the case.
func TestSoakNightShared(t *testing.T) {
	if os.Getenv("SEEDS") == "" {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	servers := newServers(t)
	n := newNight(t, nightSeed(), sizeOf("ACCOUNTS", 2000))
	servers.share(t, n.dir)
	file(t, n.dir, "streams/marks.yaml", "stream: marks\nformat: jsonl\nid: id\ntime: at\ncolumns:\n  id: {type: string}\n  at: {type: timestamp}\n")
	must(t, 0, "ingest", "marks", file(t, t.TempDir(), "mark.jsonl", `{"id": "a", "at": "2026-01-01T00:00:00Z"}`+"\n"), "--project", n.dir) // makes the key of identities
	n.addAll()
	n.bank(hopeless).mustBe(t, false)
	n.commands = elsewhere(t, n.dir)
	logs := t.ArtifactDir()
	var workers []*serving
	for i := range 3 {
		workers = append(workers, newServing(t, fmt.Sprint("worker", i), elsewhere(t, n.dir), logs, "worker", "--roles", "intake,reconcile,index,aggregate"))
	}
	mustStart(t, workers...)
	ctx, cancel := context.WithCancel(t.Context())
	var killing sync.WaitGroup
	killing.Go(func() { n.killOneByOne(ctx, workers) })
	n.await("the others are read", time.Time{}, n.isFine)
	since := n.advance()
	n.await("the others are read again", since, n.isFine)
	cancel()
	killing.Wait()
	n.recover(since)
	stopAll(t, workers...)
	n.check()
}

// killOneByOne kills one of the workers every few seconds, and starts it again, until ctx ends.
func (n *night) killOneByOne(ctx context.Context, workers []*serving) {
	for kills := 0; ; kills++ {
		pause(ctx, n.random, 10*time.Second)
		if ctx.Err() != nil {
			n.t.Logf("%d workers were killed", kills)
			return
		}
		one := workers[n.random.IntN(len(workers))]
		one.killed()
		if err := one.start(); err != nil {
			n.t.Errorf("start %s again: %v", one.name, err)
			return
		}
	}
}
