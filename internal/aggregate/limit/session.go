// Sessions at institutions, and permits for their requests.

package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bursar/internal/failure"
)

// patience is how long a session waits for its part. Whoever gets none comes again later, and does not keep a worker busy.
const patience = time.Second

// Session is a session that may begin.
type Session struct {
	*localPart
	requests int
}

// Session waits a moment until a session may begin at an institution. It returns a *BusyError if none may. End the result.
func (p *Pool) Session(ctx context.Context, institution string, limits Limits) (*Session, error) {
	l := p.part(institution)
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = limits
	l.waiting++
	defer func() { l.waiting-- }()
	for {
		now := time.Now()
		switch {
		case l.isInForce(now) && l.open < l.part.Sessions:
			l.begin()
			return &Session{localPart: l}, nil
		case waiting.Err() != nil, l.isInForce(now) && l.part.Sessions == 0:
			return nil, l.busy(ctx, now)
		}
		l.askIfUseful(now)
		l.wait(waiting)
	}
}

// Permit waits until the session may send another request.
func (s *Session) Permit(ctx context.Context) error {
	l := s.localPart
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		now := time.Now()
		l.earn(now)
		next := renewal
		if l.isInForce(now) && l.part.Spacing > 0 {
			if l.earned >= 1 {
				l.earned--
				s.requests++
				return nil
			}
			next = max(time.Duration((1-l.earned)*float64(l.part.Spacing)), time.Millisecond)
		}
		l.askIfUseful(now)
		waiting, cancel := context.WithTimeout(ctx, min(next, askAgain))
		l.wait(waiting)
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
	l := s.localPart
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	class := failure.Of(err)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil && class == failure.Throttled:
		l.report.RetryAfter = max(l.report.RetryAfter, failure.RetryAfter(err), time.Second)
		l.failure = err
	case err != nil && class == failure.Transient:
		l.report.Failed++
		l.failure = err
	default:
		l.report.Succeeded++
		l.report.Failed = 0
	}
	if l.report.Failed > 0 || l.report.RetryAfter > 0 || l.part.Breaker.State != Closed {
		l.ask() // others must know
	}
	l.notify()
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
