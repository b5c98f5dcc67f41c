// The part of a process: sessions at institutions, and permits for their requests.

package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bursar/internal/failure"
)

// patience is how long a session waits for a place. Whoever gets none comes again later, and does not keep a worker busy.
const patience = time.Second

// BusyError says that no session can begin now. It is of class Throttled, and knows when to try again.
type BusyError struct {
	Institution string
	Breaker     Breaker // why, if it is not closed
	After       time.Duration
}

func (e *BusyError) Error() string {
	if e.Breaker.State != Closed {
		return fmt.Sprintf("institution %s does not work, and is tried again at %s: `bursar institution list` says why", e.Institution, e.Breaker.Until.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("institution %s has as many sessions as its limits allow", e.Institution)
}

// Class is Throttled.
func (e *BusyError) Class() failure.Class { return failure.Throttled }

// RetryAfter returns how long to wait.
func (e *BusyError) RetryAfter() time.Duration { return e.After }

// Pool is what a process may do at all institutions. It is safe for concurrent use.
type Pool struct {
	Process string
	// Lease asks for a part of an institution.
	Lease func(ctx context.Context, institution string, a Ask) (Part, error)
	// OnBreaker is called when the breaker of an institution has opened, is half-open, or has closed, with the last failure that this process has seen; may be nil. It must
	// return at once.
	OnBreaker func(institution string, b Breaker, last error)

	mu     sync.Mutex
	places map[string]*place
}

// place is the part of one institution.
type place struct {
	pool        *Pool
	institution string

	mu      sync.Mutex
	limits  Limits
	part    Part
	until   time.Time     // the part is in force, or no other one is asked for, until then
	asked   time.Time     // when the last ask began
	open    int           // sessions
	waiting int           // for a place
	earned  float64       // requests that may be sent, at most 1
	at      time.Time     // when that was
	report  Report        // since the last ask
	asking  bool          // an ask is under way
	keeping bool          // keep runs
	changed chan struct{} // closed, and replaced, when the part has changed or a session has ended
	err     error         // of the last ask
	breaker Breaker       // that was reported last
	failure error         // the last one of a session
}

func (p *Pool) place(institution string) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.places == nil {
		p.places = map[string]*place{}
	}
	at := p.places[institution]
	if at == nil {
		at = &place{pool: p, institution: institution, changed: make(chan struct{})}
		p.places[institution] = at
	}
	return at
}

// Session is a session that may begin.
type Session struct {
	*place
	requests int
}

// Session waits a moment until a session may begin at an institution. It returns a *BusyError if none may. End the result.
func (p *Pool) Session(ctx context.Context, institution string, l Limits) (*Session, error) {
	at := p.place(institution)
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at.mu.Lock()
	defer at.mu.Unlock()
	at.limits = l
	at.waiting++
	defer func() { at.waiting-- }()
	for {
		now := time.Now()
		switch {
		case at.isInForce(now) && at.open < at.part.Sessions:
			at.begin()
			return &Session{place: at}, nil
		case waiting.Err() != nil, at.isInForce(now) && at.part.Sessions == 0:
			return nil, at.busy(ctx, now)
		}
		at.askIfUseful(now)
		at.wait(waiting)
	}
}

// begin begins a session. The lock is held.
func (at *place) begin() {
	at.open++
	if !at.keeping {
		at.keeping = true
		go at.keep()
	}
}

// keep renews the part while there are sessions: they count at the institution, also while they wait for a slow answer and ask for no permit.
func (at *place) keep() {
	at.mu.Lock()
	defer at.mu.Unlock()
	for at.open > 0 {
		now := time.Now()
		at.askIfUseful(now)
		waiting, cancel := context.WithTimeout(context.Background(), max(at.until.Sub(now)-renewal, askAgain))
		at.wait(waiting)
		cancel()
	}
	at.keeping = false
}

// isInForce reports whether the part may be used. The lock is held.
func (at *place) isInForce(now time.Time) bool { return !at.asking && now.Before(at.until) }

// busy returns why there is no place. The lock is held.
func (at *place) busy(ctx context.Context, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if at.err != nil {
		return fmt.Errorf("ask for a session at %s: %w", at.institution, at.err)
	}
	after := at.asked.Add(at.part.Wait).Sub(now)
	if at.part.Sessions > 0 { // all of them are in use
		after = time.Duration(at.waiting) * 2 * at.part.Spacing / time.Duration(at.part.Sessions)
	}
	return &BusyError{at.institution, at.part.Breaker, max(after, time.Second)}
}

// wait waits until something has changed, or ctx ends. The lock is held, but not meanwhile.
func (at *place) wait(ctx context.Context) {
	changed := at.changed
	at.mu.Unlock()
	defer at.mu.Lock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
}

func (at *place) notify() {
	close(at.changed)
	at.changed = make(chan struct{})
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

// askIfUseful asks for a part if there is none, if it ends soon, or if it is too small. The lock is held.
func (at *place) askIfUseful(now time.Time) {
	since := now.Sub(at.asked)
	switch {
	case at.err != nil:
		if since >= askAgain {
			at.ask()
		}
	case !now.Before(at.until), at.part.Sessions > 0 && (at.until.Sub(now) < renewal || at.isTooSmall() && since >= moreAgain):
		at.ask()
	}
}

// isTooSmall reports whether the process could use more sessions. The lock is held.
func (at *place) isTooSmall() bool {
	return at.part.Sessions < min(at.open+at.waiting, at.limits.Sessions)
}

// ask renews the part, in the background. The lock is held.
func (at *place) ask() {
	if at.asking {
		return
	}
	at.earn(time.Now())
	at.asking, at.asked = true, time.Now()
	a := Ask{Process: at.pool.Process, Want: at.open + at.waiting, Open: at.open, Limits: at.limits, Report: at.report}
	at.report = Report{}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		part, err := at.pool.Lease(ctx, at.institution, a)
		at.mu.Lock()
		at.asking = false
		at.take(part, err, a)
		changed := err == nil && (at.breaker.State != part.Breaker.State || !at.breaker.Until.Equal(part.Breaker.Until))
		if changed {
			at.breaker = part.Breaker
		}
		last := at.failure
		at.notify()
		at.mu.Unlock()
		if changed && at.pool.OnBreaker != nil {
			at.pool.OnBreaker(at.institution, part.Breaker, last)
		}
	}()
}

// take takes the answer to an ask. Without one there is no part: it may be another's already. The lock is held.
func (at *place) take(part Part, err error, a Ask) {
	was := at.until
	at.err, at.until = err, time.Time{}
	if err != nil {
		at.report = at.report.after(a.Report)
		return
	}
	if !at.asked.Before(was) {
		at.earned = 0 // it had no part meanwhile
	}
	at.part, at.at = part, time.Now()
	if part.Sessions > 0 || part.Wait > 0 {
		at.until = at.asked.Add(min(part.For, max(part.Wait, part.For*time.Duration(min(part.Sessions, 1)))))
	}
}

// after returns the report of what two reports say, of which the argument is the earlier.
func (r Report) after(earlier Report) Report {
	if r.Succeeded == 0 {
		r.Failed += earlier.Failed
	}
	r.Succeeded += earlier.Succeeded
	r.RetryAfter = max(r.RetryAfter, earlier.RetryAfter)
	return r
}

// earn counts what was earned up to a time. The lock is held.
func (at *place) earn(now time.Time) {
	if at.asking {
		return
	}
	if now.After(at.until) {
		now = at.until
	}
	if at.part.Spacing > 0 && now.After(at.at) {
		at.earned = min(1, at.earned+float64(now.Sub(at.at))/float64(at.part.Spacing))
	}
	at.at = now
}

// Permit waits until the session may send another request.
func (s *Session) Permit(ctx context.Context) error {
	at := s.place
	at.mu.Lock()
	defer at.mu.Unlock()
	for {
		now := time.Now()
		at.earn(now)
		next := renewal
		if at.isInForce(now) && at.part.Spacing > 0 {
			if at.earned >= 1 {
				at.earned--
				s.requests++
				return nil
			}
			next = max(time.Duration((1-at.earned)*float64(at.part.Spacing)), time.Millisecond)
		}
		at.askIfUseful(now)
		waiting, cancel := context.WithTimeout(ctx, min(next, askAgain))
		at.wait(waiting)
		cancel()
		if ctx.Err() != nil {
			return fmt.Errorf("wait for a permit: %w", context.Cause(ctx))
		}
	}
}

// Requests returns how many permits the session had.
func (s *Session) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// End ends a session, whose error says how the institution has answered: with a throttled or transient error it did not.
func (s *Session) End(err error) {
	at := s.place
	at.mu.Lock()
	defer at.mu.Unlock()
	at.open--
	class := failure.Of(err)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil && class == failure.Throttled:
		at.report.RetryAfter = max(at.report.RetryAfter, failure.RetryAfter(err), time.Second)
		at.failure = err
	case err != nil && class == failure.Transient:
		at.report.Failed++
		at.failure = err
	default:
		at.report.Succeeded++
		at.report.Failed = 0
	}
	if at.report.Failed > 0 || at.report.RetryAfter > 0 || at.part.Breaker.State != Closed {
		at.ask() // others must know
	}
	at.notify()
}

// Release gives the parts of this process back, which has no more sessions. Those that cannot be given back are free when their leases end.
func (p *Pool) Release(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for institution, at := range p.places {
		at.mu.Lock()
		a := Ask{Process: p.Process, Ends: true, Limits: at.limits, Report: at.report}
		held := time.Now().Before(at.until) && at.open == 0 && !at.asking
		at.until = time.Time{}
		at.mu.Unlock()
		if held {
			_, _ = p.Lease(ctx, institution, a)
		}
	}
}

// sessionKey is the key of a session in a context.
type sessionKey struct{}

// WithSession returns a context in which Permit asks for permits of a session.
func WithSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// Permit waits until the session of the context may send another request. Without a session none may.
func Permit(ctx context.Context) error {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	if s == nil {
		return errors.New("a request was sent outside of a session")
	}
	return s.Permit(ctx)
}
