// How many requests an institution accepts, and what it counts.

package bank

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Limit is what an institution accepts from all clients together. Zero numbers are no limits.
type Limit struct {
	Requests   int           // in any window of Per
	Per        time.Duration // 0 is a minute
	Concurrent int           // requests that are being answered at one time
}

// Report is what an institution has counted since its start.
type Report struct {
	Requests   int64
	ByProtocol map[Protocol]int64
	ByAccount  map[string]int64 // requests that name an account

	MostInWindow       int // requests within any window of Limit.Per, refused ones included
	MostConcurrent     int // requests that were being answered at one time, refused ones included
	Violations         int64
	DuringRetryAfter   int64 // requests that came while clients were asked to wait, see retryGrace
	Logins             int64
	WrongPasswords     int64
	OneTimePasswords   int64 // questions
	WrongOneTime       int64
	LoginsWhileLocked  int64
	Faults             map[string]int64 // injected, by name
	UnreadableRequests int64
}

// retryGrace is how long requests are still accepted after clients were asked to wait: these were on their way already.
const retryGrace = 250 * time.Millisecond

// counts is what is counted, and the window that the limit is checked with. Its clock is the real one.
type counts struct {
	limit   Limit
	claims  atomic.Uint64 // setup tokens
	answers atomic.Uint64 // of OFX
	moves   atomic.Int64  // accounts with a new id

	mu         sync.Mutex
	report     Report
	seen       []time.Time // arrivals within the window, oldest first
	accepted   []time.Time // those that were not refused
	concurrent int
	waitFrom   time.Time // of the Retry-After that is in force
	waitUntil  time.Time
}

func (c *counts) init(l Limit) {
	c.limit = l
	c.report = Report{ByProtocol: map[Protocol]int64{}, ByAccount: map[string]int64{}, Faults: map[string]int64{}}
}

// arrive counts a request, and returns how long its client is asked to wait if it is refused; 0 if it is accepted.
func (c *counts) arrive(p Protocol, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Requests++
	c.report.ByProtocol[p]++
	c.concurrent++
	c.seen = append(within(c.seen, now.Add(-c.limit.Per)), now)
	c.accepted = within(c.accepted, now.Add(-c.limit.Per))
	c.report.MostInWindow = max(c.report.MostInWindow, len(c.seen))
	c.report.MostConcurrent = max(c.report.MostConcurrent, c.concurrent)
	if now.After(c.waitFrom.Add(retryGrace)) && now.Before(c.waitUntil) {
		c.report.DuringRetryAfter++
	}
	wait := time.Duration(0)
	if c.limit.Concurrent > 0 && c.concurrent > c.limit.Concurrent {
		wait = time.Second
	}
	if c.limit.Requests > 0 && len(c.accepted) >= c.limit.Requests {
		wait = max(wait, c.limit.Per-now.Sub(c.accepted[0]), 1)
	}
	if wait > 0 {
		c.report.Violations++
		return wait
	}
	c.accepted = append(c.accepted, now)
	return 0
}

// within drops the times that are not after a limit.
func within(times []time.Time, limit time.Time) []time.Time {
	drop := 0
	for drop < len(times) && !times[drop].After(limit) {
		drop++
	}
	if drop > len(times)/2 { // moved seldom, so that an arrival costs little
		return append(times[:0], times[drop:]...)
	}
	return times[drop:]
}

// leave ends a request, before its answer is written: a client that has read it may send the next one.
func (c *counts) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.concurrent--
}

// askToWait notes that clients are asked to send nothing for a while.
func (c *counts) askToWait(now time.Time, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.waitUntil) {
		c.waitFrom = now
	}
	if until := now.Add(d); until.After(c.waitUntil) {
		c.waitUntil = until
	}
}

func (c *counts) count(change func(r *Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.report)
}

func (c *counts) fault(name string) { c.count(func(r *Report) { r.Faults[name]++ }) }

// Report returns what the institution has counted so far.
func (b *Bank) Report() Report {
	b.counts.mu.Lock()
	defer b.counts.mu.Unlock()
	r := b.counts.report
	r.ByProtocol, r.ByAccount, r.Faults = maps.Clone(r.ByProtocol), maps.Clone(r.ByAccount), maps.Clone(r.Faults)
	return r
}
