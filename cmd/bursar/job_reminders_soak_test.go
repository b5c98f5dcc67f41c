//go:build linux && !race

// The reminders example on servers that three workers share, of which one is killed every few seconds.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestSoakRemindersShared: a killed worker's tasks are executed by the others. COMPANIES=n and INVOICES=n change the size of the case.
func TestSoakRemindersShared(t *testing.T) {
	if os.Getenv("SEEDS") == "" {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	servers := newServers(t)
	r := newReminders(t, remindersSeed(), sizeOf("COMPANIES", 50), sizeOf("INVOICES", 2000))
	schema := servers.share(t, r.dir)
	config, err := os.ReadFile(filepath.Join(r.dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, r.dir, "bursar.yaml", fmt.Sprintf("%swarehouse: {kind: postgres, url: %q, schema: %s_tables}\n", config, servers.database, schema))
	r.ingest(r.dir)
	commands, logs := elsewhere(t, r.dir), t.ArtifactDir()
	var workers []*serving
	for i := range 3 {
		workers = append(workers, newServing(t, fmt.Sprint("worker", i), elsewhere(t, r.dir), logs, "worker", "--roles", "intake,reconcile,index,job,warehouse"))
	}
	r.server.Stop()
	mustStart(t, workers...)
	r.backfill(commands)
	r.settle(commands)
	r.startServer()
	ctx, cancel := context.WithCancel(t.Context())
	var killing sync.WaitGroup
	killing.Go(func() { r.killOneByOne(ctx, workers) })
	r.awaitMessages(50)
	r.server.Stop()
	r.awaitRefused(commands)
	r.startServer()
	r.awaitSlots(commands)
	cancel()
	killing.Wait()
	r.check(commands)
	stopAll(t, workers...)
}

// killOneByOne kills one of the workers every few seconds, and starts it again, until ctx ends.
func (r *reminders) killOneByOne(ctx context.Context, workers []*serving) {
	kills := 0
	for ; ; kills++ {
		pause(ctx, r.random, 8*time.Second)
		if ctx.Err() != nil {
			break
		}
		one := workers[r.random.IntN(len(workers))]
		one.killed()
		if err := one.start(); err != nil {
			r.t.Errorf("start %s again: %v", one.name, err)
			return
		}
	}
	r.t.Logf("%d workers were killed", kills)
	if kills == 0 {
		r.t.Error("no worker was killed: the case is too short")
	}
}
