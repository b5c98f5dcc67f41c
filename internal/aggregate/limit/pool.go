// What this process may do at all institutions.

package limit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"bursar/internal/failure"
)

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
	return fmt.Sprintf("institution %s allows no other session now: its limits are used up, or it has asked to wait", e.Institution)
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
	// OnBreaker is called when the breaker of an institution has opened, is half-open, or has closed, with the last failure that this process has
	// seen; may be nil. It must return at once.
	OnBreaker func(institution string, b Breaker, last error)

	mu    sync.Mutex
	parts map[string]*localPart
}

func (p *Pool) part(institution string) *localPart {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts == nil {
		p.parts = map[string]*localPart{}
	}
	l := p.parts[institution]
	if l == nil {
		l = &localPart{pool: p, institution: institution, changed: make(chan struct{})}
		p.parts[institution] = l
	}
	return l
}

// Release gives the parts of this process back, which has no more sessions. Those that cannot be given back are free when their leases end.
func (p *Pool) Release(ctx context.Context) {
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.parts))
	p.mu.Unlock()
	for _, l := range all {
		if a, held := l.giveBack(); held {
			_, _ = p.Lease(ctx, l.institution, a)
		}
	}
}
