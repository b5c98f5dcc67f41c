//go:build linux

// A night of aggregation in minutes: accounts at institutions that fail in every way, while `bursar up` is killed: every account is complete or has a
// reason, every transaction counts once, and no limit of an institution is exceeded.

package main

import (
	"context"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestNight kills `bursar up` while it reads the accounts for the first time. SEED=n replays a case.
func TestNight(t *testing.T) {
	t.Parallel()
	n := newNight(t, nightSeed(), sizeOf("ACCOUNTS", 60))
	n.addAll()
	n.bank(hopeless).mustBe(t, false)
	up := bringUp(t, n.dir)
	until(t, "accounts are read", n.limit, func() bool { return n.complete() >= n.accounts/5 })
	up.stop(syscall.SIGKILL, -1)
	up = bringUp(t, n.dir)
	n.await("the others are read", time.Time{}, n.isFine)
	since := n.advance()
	asking := n.ask()
	n.await("the others are read again", since, n.isFine)
	asking.Wait()
	n.recover(since)
	up.stop(syscall.SIGTERM, 0)
	n.check()
}

// TestSoakNight has as many accounts as two thousand people, and kills `bursar up` every few seconds. ACCOUNTS=n changes that.
func TestSoakNight(t *testing.T) {
	if os.Getenv("SEEDS") == "" {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	n := newNight(t, nightSeed(), sizeOf("ACCOUNTS", 2000))
	n.addAll()
	n.bank(hopeless).mustBe(t, false)
	up := bringUp(t, n.dir)
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(t.Context())
	var killing sync.WaitGroup
	killing.Go(func() {
		for kills := 0; ; kills++ {
			pause(ctx, n.random, 40*time.Second)
			if ctx.Err() != nil {
				t.Logf("bursar up was killed %d times", kills)
				return
			}
			mu.Lock()
			up.stop(syscall.SIGKILL, -1)
			up = bringUp(t, n.dir)
			mu.Unlock()
		}
	})
	n.await("the others are read", time.Time{}, n.isFine)
	mu.Lock()
	since := n.advance()
	mu.Unlock()
	n.await("the others are read again", since, n.isFine)
	cancel()
	killing.Wait()
	n.recover(since)
	up.stop(syscall.SIGTERM, 0)
	n.check()
}
