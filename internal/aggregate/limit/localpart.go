// The part of this process at one institution: how it is asked for, renewed, and used up by requests.

package limit

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// localPart is what this process may do at one institution. keep and giveBack take the lock; the other methods are called
// with it.
type localPart struct {
	pool        *Pool
	institution string

	mu       sync.Mutex
	limits   Limits
	part     Part
	until    time.Time     // the part is in force, or no other one is asked for, until then
	asked    time.Time     // when the last ask began
	open     int           // sessions
	waiting  int           // for a place
	earned   float64       // requests that may be sent, at most 1
	earnedAt time.Time     // when that was
	report   Report        // since the last ask
	asking   bool          // an ask is under way
	keeping  bool          // keep runs
	changed  chan struct{} // closed, and replaced, when the part has changed or a session has ended
	err      error         // of the last ask
	breaker  Breaker       // that was reported last
	failure  error         // the last one of a session
}

// begin begins a session.
func (l *localPart) begin() {
	l.open++
	if !l.keeping {
		l.keeping = true
		go l.keep()
	}
}

// keep renews the part while there are sessions: they count at the institution, also while they wait for a slow answer and ask for no permit.
func (l *localPart) keep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.open > 0 {
		now := time.Now()
		l.askIfUseful(now)
		waiting, cancel := context.WithTimeout(context.Background(), max(l.until.Sub(now)-renewal, askAgain))
		l.wait(waiting)
		cancel()
	}
	l.keeping = false
}

// isInForce reports whether the part may be used.
func (l *localPart) isInForce(now time.Time) bool { return !l.asking && now.Before(l.until) }

// busy returns why there is no place.
func (l *localPart) busy(ctx context.Context, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.err != nil {
		return fmt.Errorf("ask for a session at %s: %w", l.institution, l.err)
	}
	after := l.asked.Add(l.part.Wait).Sub(now)
	if l.part.Sessions > 0 { // all of them are in use
		after = time.Duration(l.waiting) * 2 * l.part.Spacing / time.Duration(l.part.Sessions)
	}
	return &BusyError{l.institution, l.part.Breaker, max(after, time.Second)}
}

// wait waits until something has changed, or ctx ends. The lock is not held meanwhile.
func (l *localPart) wait(ctx context.Context) {
	changed := l.changed
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

func (l *localPart) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

const (
	// askTimeout bounds an ask.
	askTimeout = 10 * time.Second
	// askAgain is the time between two asks of which the first has failed.
	askAgain = 500 * time.Millisecond
	// moreAgain is the time between two asks of a process that wants more sessions than it has.
	moreAgain = time.Second
	// renewal is when a part is renewed before it ends.
	renewal = LeaseTime / 3
)

// askIfUseful asks for a part if there is none, if it ends soon, or if it is too small.
func (l *localPart) askIfUseful(now time.Time) {
	since := now.Sub(l.asked)
	switch {
	case l.err != nil:
		if since >= askAgain {
			l.ask()
		}
	case !now.Before(l.until), l.part.Sessions > 0 && (l.until.Sub(now) < renewal || l.isTooSmall() && since >= moreAgain):
		l.ask()
	}
}

// isTooSmall reports whether the process could use more sessions.
func (l *localPart) isTooSmall() bool {
	return l.part.Sessions < min(l.open+l.waiting, l.limits.Sessions)
}

// ask renews the part, in the background.
func (l *localPart) ask() {
	if l.asking {
		return
	}
	l.earn(time.Now())
	l.asking, l.asked = true, time.Now()
	a := Ask{Process: l.pool.Process, Want: l.open + l.waiting, Open: l.open, Limits: l.limits, Report: l.report}
	l.report = Report{}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		part, err := l.pool.Lease(ctx, l.institution, a)
		l.mu.Lock()
		l.asking = false
		l.take(part, err, a)
		changed := err == nil && (l.breaker.State != part.Breaker.State || !l.breaker.Until.Equal(part.Breaker.Until))
		if changed {
			l.breaker = part.Breaker
		}
		last := l.failure
		l.notify()
		l.mu.Unlock()
		if changed && l.pool.OnBreaker != nil {
			l.pool.OnBreaker(l.institution, part.Breaker, last)
		}
	}()
}

// take takes the answer to an ask. Without one there is no part: it may be another's already.
func (l *localPart) take(part Part, err error, a Ask) {
	was := l.until
	l.err, l.until = err, time.Time{}
	if err != nil {
		l.report = l.report.after(a.Report)
		return
	}
	if !l.asked.Before(was) {
		l.earned = 0 // it had no part meanwhile
	}
	l.part, l.earnedAt = part, time.Now()
	if part.Sessions > 0 || part.Wait > 0 {
		l.until = l.asked.Add(min(part.For, max(part.Wait, part.For*time.Duration(min(part.Sessions, 1)))))
	}
}

// earn counts what was earned up to a time.
func (l *localPart) earn(now time.Time) {
	if l.asking {
		return
	}
	if now.After(l.until) {
		now = l.until
	}
	if l.part.Spacing > 0 && now.After(l.earnedAt) {
		l.earned = min(1, l.earned+float64(now.Sub(l.earnedAt))/float64(l.part.Spacing))
	}
	l.earnedAt = now
}

// giveBack ends the part, and returns what to ask so that others may have it. held is false if there is nothing to give back.
func (l *localPart) giveBack() (a Ask, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held = time.Now().Before(l.until) && l.open == 0 && !l.asking
	l.until = time.Time{}
	return Ask{Process: l.pool.Process, Ends: true, Limits: l.limits, Report: l.report}, held
}
